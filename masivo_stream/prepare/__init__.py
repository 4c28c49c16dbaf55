"""Prepare exports from what people have: tables of a shop, a database or another loyalty program.

A *mapping* (TOML) names the sources, how their dates and numbers are written, and one SELECT per kind. A SELECT returns
*flat rows*: one per customer, per balance, per line item of an order, per entry of a points ledger. Everything else is
done here: casts, nesting, order, policies for what is ambiguous, and figures that close.

The path of a row:

    source file → numbered row → typed table → SELECT → flat row → partition → settled customer → record

* *place*: the file and line of a source row in one number. Every table has it as the column `place`, and every SELECT
  returns it, so that whatever is left out can be named by file and line.
* *remark*: a flat row that was left out, merged, corrected, added or guessed, with the reason and the amounts.
* *origin*: the first row of a source that is in a record, and how many are. It is kept for each line until the exports
  were validated, so that a finding can name it.
* *partition*: the flat rows of some customers, chosen by the hash of the customer's id. Memory holds one partition.

Rooms: `mapping` reads the frame, and `settling` decides what happens to the rows of one customer. Both touch nothing
outside. `sources` turns files into numbered rows. `engine` loads, selects and writes; only `engine.database` imports
DuckDB, which is an optional extra. `parts` shares the work between machines. `presets` has mappings to begin with, and
fits them to files by what these hold.

Decisions:

* Text sources are read by Python's own `csv`, not by DuckDB's, because only that gives exact lines: a quoted field may
  hold line breaks. It also reads every encoding that Python knows, and cannot guess a type from a sample. The rows go
  through a named pipe into DuckDB, so this costs no disk.
* All columns are text until a source declares `numbers` and `dates`, or a SELECT returns them under one of our names.
  A value that does not fit is never an unnoticed NULL: its row is left out with the reason, or stops the command.
* Text in which nothing is quoted is not read by `csv`: databases print carriage returns of a value as they are.
* Without customers in the mapping, every id of a customer is known. Nothing could say otherwise, and the account does.
* Amounts are whole numbers of millionths from the flat row to the record, so no sum depends on an order of additions.
* A partition is chosen by MD5, which is the same in all versions, and the number of partitions depends on the number of
  rows alone. So the bytes written depend on sources and mapping, not on threads, memory or interruptions.
* A share of the work is a group of neighbouring partitions. So what shares write follows each other as it does in one
  process, which writes the same bytes. What no partition can know (whether a row was returned at all, in which order
  values were remarkable) is divided by the places of rows, and merged in their order. All customers are selected by
  each share: any of them may keep another one's email. A source is loaded by one share, and its table taken by the
  others, since a SELECT may join any row with any other.
* A local time that occurs twice is taken as the later one, and a time that daylight saving skips as the moment that a
  clock without the change would show. Both are counted and listed.
"""

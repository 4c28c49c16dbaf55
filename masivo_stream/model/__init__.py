"""The values that all other parts of the package exchange: plain, frozen, without behaviour of their own.

Glossary, in the order of the pipeline. Each term means one thing, here and in the documentation.

**What is read**

* *export*: the records of one kind, exported from another program, in one or several files of NDJSON, plain or packed.
* *kind*: customers, events or transactions; migrated in this order, since each presupposes the ones before it.
* *input* or *source*: one file (or standard input) of an export, or a copy of dead letters that a retry reads.
* *line*: the bytes between two line feeds of an input, with its number (from 1) and offset in the plain text.
* *record*: the JSON object in a line: one customer, alone or with that customer's events or transactions.
* *item*: what the API counts in a request: a customer, an event or a transaction. A record holds one or more.
* *mark*: a field by which an export says that a customer is deleted or an event reversed.
* *duplicate*: a record whose customer or email an earlier record has, a field that occurs twice in its object, or an
  event whose purchase came before.
* *position*: a place in a kind's inputs, in reading order: source, line and offset.
* *read position*: the position up to which the inputs of a kind were read.

* *part of exports*: a stretch of all inputs, one after the other, that one machine validates (`--part 3/8`). Wherever
  records are meant, *part* is what the next section says.
* *answer of a part*: the file in which that machine leaves what it found, for the process that takes all of them up.

* *reference*: an id in a record of something that the account has to have: a reward, tier, brand, store or channel; or
  a type of event, by its name.
* *catalogue*: the list of what an account has, from the account itself or from a file.

**What becomes of a line**

* *validation*: the check of one line against the schema and against the lines before it, without the API.
* *result*: what validation says of a line: an entry, a rejection, a skipped record, or blank.
* *entry*: what a batch carries: a valid record, or a part of one.
* *part*: an entry with some of its record's items, in a record that needs several requests or leaves items behind.
* *skipped record*: a record, or items of one, that is valid and not to be migrated: deleted, reversed.
* *dead letter*: a record, or items of one, that is not sent as it is, with the reason; it is written to the dead-letter
  file, where a person corrects it for a retry.
* *fault*: one thing that is wrong with a record: reason, path of the field, message. A dead letter lists all of them.
* *fault group*: the dead letters of a kind with the same fault: same reason, field and cause.
* *cause*: the message of a fault without values.
* *dry run*: the pipeline up to the finished batches, sending nothing: `validate` and `plan`.

**What is sent**

* *batch*: the entries that one request carries; its id names exactly this content from exactly these places.
* *attempt*: one try to send a batch, and what came back: an answer, or a failure without one.
* *outcome*: what an attempt means for its batch: accepted, refused, in doubt …; also how a record or a run ended.
* *accepted*: the API has enqueued a batch (201). It says nothing about what the queue does with it later.
* *refused*: the API will not take a batch as it is, and has applied nothing of it.
* *in doubt*: a batch that may or may not have been applied, since no answer says so. Events and transactions in doubt
  are never sent again until a person decides, because they might count twice.
* *pending*: read, or packed, and not yet accepted, dead, skipped or in doubt.
* *missing customer*: one who does not arrive: a dead letter, skipped as deleted, or unknown. Their records are held
  back.
* *unknown customer*: one whom the account does not have, by the API's own answer. Each of their records makes the API
  refuse a whole batch.
* *unlisted customer*: one in no line of the customers export. Only a dry run looks for these.
* *isolation*: sending smaller groups of a refused batch until the bad records are found; the good ones are delivered.
* *culprit*: a record (or part) for which a batch is refused.

**How fast**

* *window*: at most a number of requests in any span of a length, such as 1000 in an hour.
* *quota*: what the windows of an account allow, and how much of it is used.
* *limiter*: it decides when the next request may depart, so that the quota is never exceeded.
* *scope*: requests that are counted together by some windows.
* *account*: who the vendor's API serves: an origin and an owner. Never our own bookkeeping, which is the ledger.

**What is remembered**

* *state directory*: the files of one run: journal, dead letters, skipped records, report.
* *journal*: the database in the state directory, in which every batch is noted before its first byte leaves.
* *ledger*: the bookkeeping of one kind: where each entry is, and figures that must add up. The sandbox's ledger lists
  what the API has applied.
* *checkpoint*: the position before which every record has an outcome; a later process reads on from there.
* *run*: one migration of the exports in one state directory, over as many processes as it takes.
* *process*: one execution of a command; a run continues in the next process when one ends early.
* *session*: what a command opens before it works: state directory, journal, settings, client, limiters.

**What is checked and corrected afterwards**

* *read back*: ask the API for a customer or its transactions, to see whether records have arrived.
* *sample*: accepted records that are read back after a run.
* *canary*: one record of each kind, all of one customer, that a run sends before all others; the rest follows if the
  account shows them as they were sent.
* *evidence*: what reading back a batch in doubt shows; it helps a person to decide, and decides nothing.
* *retry*: send dead letters again after a correction (`retry`); also the repetition of an attempt after a backoff.
* *resolve*: decide about batches in doubt: they were accepted, they are given up, or they are sent again.
* *revert*: ask the API to take back what was migrated in a period; its records are then inputs of the run again.
"""

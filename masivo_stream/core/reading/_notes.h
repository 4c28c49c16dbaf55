/* A part of _prover.c: take notes of lines that are looked at, and divide notes into parts.
 *
 * What a note is says core/checks/note_format.py; which notes a line has, core/checks/take_notes.py. Lines are read, and
 * notes taken, without the GIL. Only the lines that are doubted are left for Python; `divide` then puts both kinds of
 * notes together.
 */

#define REWARD_SHIFT 8 /* the values of these three are in core/checks/note_format.py, too */
#define CONTENT_BITS 24
#define LENGTH_BITS 36

/* ---- Notes of a line --------------------------------------------------------------------------------------------- */

static int add_note(Call *call, uint64_t key, int64_t tag, int64_t value)
{
    const Line *line = call->line;
    if (call->note_count == call->note_room) {
        Note *grown = grow(call, call->notes, &call->note_room, sizeof(Note));
        if (grown == NULL)
            return 0;
        call->notes = grown;
    }
    int64_t hour_and_length = line->hour << LENGTH_BITS | (line->end - line->begin);
    call->notes[call->note_count++] = (Note){(int64_t)key, tag, value, line->where, line->offset, hour_and_length};
    return 1;
}

static uint64_t hash_lower(const Hash *hash, Span email)
{
    uint8_t lowered[MOST_EMAIL]; /* `is_email` doubts longer ones */
    for (Py_ssize_t i = 0; i < email.length; i++)
        lowered[i] = lower(email.text[i]);
    return hash_text(hash, (Span){lowered, email.length});
}

/* Take the notes of the line that was read last, and is clean. The number of a reward in a tag is its index among those
 * of the call, from 1: `divide` knows the real one. Returns 0 if there is no memory. */
static int note_line(Call *call, const Hash *hash)
{
    const Line *line = call->line;
    const Look *look = call->prover->look;
    Span customer = {line->customer, line->customer_length}, email = {line->email, line->email_length};
    uint64_t key = hash_text(hash, customer);
    if (line->sums == 0 && !add_note(call, key, line->has_balance ? look->tag : look->bare, 0))
        return 0;
    for (Py_ssize_t i = 0; i < call->sum_count; i++) {
        const Sum *sum = &call->sums[i];
        int64_t reward = (int64_t)(sum->reward + 1) << REWARD_SHIFT;
        if (!add_note(call, key, (i == 0 ? look->tag : look->more) | reward, sum->earned + sum->spent))
            return 0;
    }
    if (email.text != NULL && !add_note(call, hash_lower(hash, email), look->item, (int64_t)hash_text(hash, email)))
        return 0;
    for (Py_ssize_t i = 0; i < call->sign_count; i++) {
        const EventSign *sign = &call->signs[i];
        uint64_t pair = hash_pair(hash, customer, key, (Span){sign->purchase, sign->purchase_length});
        if (!add_note(call, pair, look->item, (int64_t)i << CONTENT_BITS | sign->content))
            return 0;
    }
    return 1;
}

/* Add the line that was read last, and is clean, to what is known of all of them. */
static void count_line(Call *call, Totals *totals, Py_ssize_t index)
{
    const Line *line = call->line;
    if (totals->records == 0 || line->first < totals->first) {
        totals->first = line->first;
        totals->first_line = index;
    }
    if (totals->records == 0 || line->last > totals->last) {
        totals->last = line->last;
        totals->last_line = index;
    }
    if (totals->records == 0 || line->latest > totals->latest) {
        totals->latest = line->latest;
        totals->latest_line = index;
    }
    totals->marks |= line->marks;
    totals->records++;
    totals->items += line->items;
}

/* ---- Lines of several runs --------------------------------------------------------------------------------------- */

typedef struct {
    PyObject *bodies, *offsets; /* tuples, or `bodies` is a text: they keep the lines alive while they are read */
    Py_ssize_t count;           /* of its lines */
    long long begin;            /* source and line of the first one */
    long long text_offset;      /* where the text begins */
} Run;

static void runs_free(Run *runs, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; runs != NULL && i < count; i++) {
        Py_XDECREF(runs[i].bodies);
        Py_XDECREF(runs[i].offsets);
    }
    free(runs);
}

/* Take (lines, offsets, source and line of the first one, any number) or (text, offsets and where the last line ends,
 * source and line of the first one, where the text begins). Whoever owns `run` frees it. */
static int run_take(PyObject *given, Run *run)
{
    PyObject *bodies, *offsets;
    if (!PyTuple_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "a run is a tuple");
        return 0;
    }
    if (!PyArg_ParseTuple(given, "OOLL", &bodies, &offsets, &run->begin, &run->text_offset)
        || (run->offsets = PySequence_Tuple(offsets)) == NULL)
        return 0;
    run->count = PyTuple_Size(run->offsets);
    if (PyBytes_Check(bodies)) {
        run->bodies = Py_NewRef(bodies);
        run->count--;
    } else if ((run->bodies = PySequence_Tuple(bodies)) == NULL) {
        return 0;
    }
    if (run->count < 0 || (!PyBytes_Check(bodies) && PyTuple_Size(run->bodies) != run->count)) {
        PyErr_SetString(PyExc_ValueError, "each line has one offset");
        return 0;
    }
    return 1;
}

/* Take a sequence of runs. Returns the number of lines, -1 with an exception set. */
static Py_ssize_t runs_take(PyObject *given, Run *runs)
{
    Py_ssize_t lines = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(given); i++) {
        if (!run_take(PyTuple_GetItem(given, i), &runs[i]))
            return -1;
        lines += runs[i].count;
    }
    return lines;
}

/* The bounds of a line in a text: it ends before its newline, and the next line begins behind that. */
static int line_of_text(const Run *run, Py_ssize_t index, Line *line)
{
    char *text;
    Py_ssize_t length;
    long long end = PyLong_AsLongLong(PyTuple_GetItem(run->offsets, index + 1));
    if ((end == -1 && PyErr_Occurred()) || PyBytes_AsStringAndSize(run->bodies, &text, &length) < 0)
        return 0;
    if (run->text_offset < 0 || line->offset < run->text_offset || end <= line->offset
        || end - run->text_offset > length) {
        PyErr_SetString(PyExc_ValueError, "a line is outside of its text");
        return 0;
    }
    line->begin = (Text)text + (line->offset - run->text_offset);
    line->end = (Text)text + (end - 1 - run->text_offset);
    return 1;
}

static int line_of_list(const Run *run, Py_ssize_t index, Line *line)
{
    char *text;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(PyTuple_GetItem(run->bodies, index), &text, &length) < 0)
        return 0;
    line->begin = (Text)text;
    line->end = (Text)text + length;
    return 1;
}

static int run_lines(const Run *run, Line *lines)
{
    int in_text = PyBytes_Check(run->bodies);
    for (Py_ssize_t i = 0; i < run->count; i++) {
        lines[i].where = run->begin + i;
        lines[i].offset = PyLong_AsLongLong(PyTuple_GetItem(run->offsets, i));
        if (lines[i].offset == -1 && PyErr_Occurred())
            return 0;
        if (!(in_text ? line_of_text(run, i, &lines[i]) : line_of_list(run, i, &lines[i])))
            return 0;
    }
    return 1;
}

/* The marks of all lines, 0 for those that are doubted; nothing if no line has any. */
static PyObject *marks_of(const Line *lines, Py_ssize_t count, const Totals *totals)
{
    PyObject *made = PyBytes_FromStringAndSize(NULL, totals->marks ? count * (Py_ssize_t)sizeof(uint64_t) : 0);
    char *to = made == NULL || !totals->marks ? NULL : PyBytes_AsString(made);
    for (Py_ssize_t i = 0; to != NULL && i < count; i++) {
        uint64_t marks = lines[i].customer == NULL ? 0 : lines[i].marks;
        memcpy(to + i * (Py_ssize_t)sizeof marks, &marks, sizeof marks);
    }
    return made;
}

/* What `Looked` in core/checks/quick_look.py has, in its order. */
static PyObject *looked_of(const Call *call, const Line *lines, Py_ssize_t count, const Totals *totals)
{
    PyObject *doubted = PyList_New(0), *rewards = PyList_New(0), *result = NULL;
    PyObject *marks = marks_of(lines, count, totals);
    int complete = doubted != NULL && rewards != NULL && marks != NULL;
    for (Py_ssize_t i = 0; complete && i < count; i++)
        if (lines[i].customer == NULL)
            complete = append(doubted, PyLong_FromSsize_t(i));
    for (int i = 0; complete && i < call->reward_count; i++) {
        const Reward *reward = &call->rewards[i];
        complete = append(rewards, Py_BuildValue("(s#nLL)", (const char *)reward->text, (Py_ssize_t)UUID_LENGTH,
                                                 reward->line, (long long)reward->earned, (long long)reward->spent));
    }
    if (complete)
        result = Py_BuildValue(
            "(Oy#OnnLL(Ln)(Ln)(Ln)O)", doubted, call->note_count ? (const char *)call->notes : "",
            call->note_count * (Py_ssize_t)sizeof(Note), rewards, totals->records, totals->items,
            (long long)call->value_total, (long long)call->paid_total, (long long)totals->first, totals->first_line,
            (long long)totals->last, totals->last_line, (long long)totals->latest, totals->latest_line, marks);
    Py_XDECREF(marks);
    Py_XDECREF(doubted);
    Py_XDECREF(rewards);
    return result;
}

static PyObject *look_at(Prover *prover, PyObject *given, const Hash *hash)
{
    PyObject *held = PySequence_Tuple(given), *result = NULL;
    Run *runs = NULL;
    Line *lines = NULL;
    Call call = {0};
    Totals totals = {0};
    Py_ssize_t run_count = 0, count, done = 0;
    if (held == NULL)
        return NULL;
    run_count = PyTuple_Size(held);
    if ((runs = new_array(run_count, sizeof(Run))) == NULL || (count = runs_take(held, runs)) < 0
        || (lines = new_array(count, sizeof(Line))) == NULL || !call_begin(&call, prover))
        goto done;
    for (Py_ssize_t i = 0; i < run_count; done += runs[i++].count)
        if (!run_lines(&runs[i], lines + done))
            goto done;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count && !call.no_memory; i++) {
        call.sign_count = call.sum_count = 0;
        call.index = i;
        if (prove_line(&call, &lines[i]) && note_line(&call, hash))
            count_line(&call, &totals, i);
    }
    Py_END_ALLOW_THREADS
    if (call_finish(&call, prover))
        result = looked_of(&call, lines, count, &totals);
done:
    runs_free(runs, run_count);
    call_free(&call);
    free(lines);
    Py_DECREF(held);
    return result;
}

PyDoc_STRVAR(look_doc, "look(runs, key, shared, /)\n--\n\nLook at lines, and return what `Looked` has. A run is lines, "
                       "their offsets, source and line of the first one, and 0; or a text, the offsets of its lines and "
                       "where the last one ends, source and line of the first one, and where the text begins. The prover "
                       "is made with `look`.");

static PyObject *prover_look(PyObject *self, PyObject *args)
{
    PyObject *runs;
    const char *key;
    Py_ssize_t length;
    int shared;
    Hash hash;
    if (((Prover *)self)->look == NULL) {
        PyErr_SetString(PyExc_ValueError, "it is not known what to look for");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "Oy#p", &runs, &key, &length, &shared)
        || !hash_begin(&hash, (Text)key, length, shared))
        return NULL;
    return look_at((Prover *)self, runs, &hash);
}

/* ---- Division into parts ----------------------------------------------------------------------------------------- */

/* Notes in reading order, and how many of them are taken already. */
typedef struct {
    const char *begin;
    Py_ssize_t taken, count;
} Notes;

static int notes_take(const Py_buffer *given, Notes *notes)
{
    *notes = (Notes){given->buf, 0, given->len / (Py_ssize_t)sizeof(Note)};
    if (given->len % (Py_ssize_t)sizeof(Note) == 0)
        return 1;
    PyErr_SetString(PyExc_ValueError, "a note has six numbers");
    return 0;
}

static inline Note note_at(const Notes *notes, Py_ssize_t index)
{
    Note note; /* the numbers of an array of bytes may be anywhere */
    memcpy(&note, notes->begin + index * (Py_ssize_t)sizeof(Note), sizeof note);
    return note;
}

static inline Py_ssize_t part_of(const Note *note, Py_ssize_t parts)
{
    int64_t part = note->key % parts;
    return (Py_ssize_t)(part < 0 ? part + parts : part); /* as Python has it */
}

/* The next of the notes of both, in the order of lines. Both have one left together. */
static Note next_note(Notes *plain, Notes *others, const int64_t *numbers)
{
    Note note, other;
    if (others->taken < others->count) {
        other = note_at(others, others->taken);
        if (plain->taken == plain->count || other.where < note_at(plain, plain->taken).where) {
            others->taken++;
            return other;
        }
    }
    note = note_at(plain, plain->taken++);
    if (note.tag >> REWARD_SHIFT)
        note.tag = (note.tag & ((1 << REWARD_SHIFT) - 1)) | numbers[(note.tag >> REWARD_SHIFT) - 1] << REWARD_SHIFT;
    return note;
}

/* Make one bytes object for each part, with room for its notes; `ends` becomes where the first note of each goes. */
static PyObject *parts_make(const Notes *plain, const Notes *others, char **ends, Py_ssize_t *counts, Py_ssize_t parts)
{
    const Notes *both[] = {plain, others};
    for (int i = 0; i < 2; i++)
        for (Py_ssize_t j = 0; j < both[i]->count; j++) {
            Note note = note_at(both[i], j);
            counts[part_of(&note, parts)]++;
        }
    PyObject *made = PyList_New(0);
    for (Py_ssize_t part = 0; made != NULL && part < parts; part++) {
        PyObject *room = PyBytes_FromStringAndSize(NULL, counts[part] * (Py_ssize_t)sizeof(Note));
        if (!append(made, room)) { /* which takes the reference; the list keeps another one */
            Py_DECREF(made);
            return NULL;
        }
        ends[part] = PyBytes_AsString(room);
    }
    return made;
}

/* Whether each reward of a note has a number. */
static int numbers_take(PyObject *given, const Notes *plain, int64_t *numbers)
{
    Py_ssize_t count = PySequence_Size(given);
    if (count < 0)
        return 0;
    for (Py_ssize_t i = 0; i < count && i < MOST_REWARDS; i++) {
        PyObject *number = PySequence_GetItem(given, i);
        if (number == NULL)
            return 0;
        numbers[i] = PyLong_AsLongLong(number);
        Py_DECREF(number);
        if (numbers[i] == -1 && PyErr_Occurred())
            return 0;
    }
    for (Py_ssize_t i = 0; i < plain->count; i++) {
        int64_t reward = note_at(plain, i).tag >> REWARD_SHIFT;
        if (reward < 0 || reward > count || reward > MOST_REWARDS) {
            PyErr_SetString(PyExc_ValueError, "each reward has a number");
            return 0;
        }
    }
    return 1;
}

PyDoc_STRVAR(divide_doc,
             "divide(plain, others, numbers, parts, /)\n--\n\nDivide notes by hash, in the order of lines. `plain` are "
             "those of `look`, in which rewards get their `numbers`; `others` are complete.");

static PyObject *divide(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer plain_given, others_given;
    PyObject *numbers_given, *made = NULL;
    Py_ssize_t parts, *counts = NULL;
    int64_t numbers[MOST_REWARDS];
    char **ends = NULL;
    Notes plain, others;
    if (!PyArg_ParseTuple(args, "y*y*On", &plain_given, &others_given, &numbers_given, &parts))
        return NULL;
    if (parts < 1) {
        PyErr_SetString(PyExc_ValueError, "at least one part");
        goto done;
    }
    if (!notes_take(&plain_given, &plain) || !notes_take(&others_given, &others)
        || !numbers_take(numbers_given, &plain, numbers) || (ends = new_array(parts, sizeof *ends)) == NULL
        || (counts = new_array(parts, sizeof *counts)) == NULL
        || (made = parts_make(&plain, &others, ends, counts, parts)) == NULL)
        goto done;
    while (plain.taken + others.taken < plain.count + others.count) {
        Note note = next_note(&plain, &others, numbers);
        Py_ssize_t part = part_of(&note, parts);
        memcpy(ends[part], &note, sizeof note);
        ends[part] += sizeof note;
    }
done:
    free(ends);
    free(counts);
    PyBuffer_Release(&plain_given);
    PyBuffer_Release(&others_given);
    return made;
}

/* ---- Hashes for Python ------------------------------------------------------------------------------------------- */

/* The UTF-8 of a text; half of a surrogate pair has three bytes. `held` has to be given up after it was used. */
static int text_given(PyObject *text, Span *span, PyObject **held)
{
    char *begin;
    if ((*held = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass")) == NULL
        || PyBytes_AsStringAndSize(*held, &begin, &span->length) < 0)
        return 0;
    span->text = (Text)begin;
    return 1;
}

PyDoc_STRVAR(hash_of_doc, "hash_of(key, shared, value, /)\n--\n\nReturn the hash of a text, or of a tuple of two, as "
                          "`look` has it.");

static PyObject *hash_of(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *key;
    Py_ssize_t length;
    int shared;
    PyObject *value, *one, *other = NULL, *held_one = NULL, *held_other = NULL, *result = NULL;
    Hash hash;
    Span text_one, text_other;
    if (!PyArg_ParseTuple(args, "y#pO", &key, &length, &shared, &value)
        || !hash_begin(&hash, (Text)key, length, shared))
        return NULL;
    one = value;
    if (PyTuple_Check(value) && !PyArg_ParseTuple(value, "UU", &one, &other))
        return NULL;
    if (text_given(one, &text_one, &held_one) && (other == NULL || text_given(other, &text_other, &held_other))) {
        uint64_t found = hash_text(&hash, text_one);
        if (other != NULL)
            found = hash_pair(&hash, text_one, found, text_other);
        result = PyLong_FromLongLong((int64_t)found);
    }
    Py_XDECREF(held_one);
    Py_XDECREF(held_other);
    return result;
}

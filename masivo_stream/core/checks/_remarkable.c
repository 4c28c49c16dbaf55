/* _remarkable: choose the notes of one part that may say something, so that Python looks at few of them.
 *
 * THEORY OF OPERATION
 *
 * Notes (note_format.py) are six numbers of 64 bits each. What find.py concludes from them, it concludes from the notes
 * of one key: no note of one key changes what the notes of another key say. So the notes of a key can be left out as a
 * whole, if they say nothing. Here all keys are counted in a hash table, and a key is *remarkable* unless
 *
 *   - it is that of one customer at most, whose email is not known to have come before,
 *   - with one line of transactions at most,
 *   - its customer is there, if the run reads customers, before all its events and transactions, and none of these is
 *     long before the customer's registration,
 *   - balances and transactions of each reward come to nothing, if the run reads both,
 *   - no note is of a dead letter, of a deleted customer, or of an amount that is not known exactly,
 *   - it is that of one purchase at most.
 *
 * Law: find.py finds the same in the notes of remarkable keys as in all notes. A key may be called remarkable without a
 * reason (a sum that does not fit 64 bits is one), and costs time only.
 *
 * Notes of emails are chosen by another function, likewise: only an email that occurs twice says something.
 *
 * MEMORY AND THREADS
 *
 * Tables have open addressing and linear probing, and twice as many places as notes that can need one, so a search
 * ends. They are allocated for a call, checked, and freed on every way out. Notes are read without the GIL, through a
 * buffer that stays locked meanwhile; nothing else is shared. Keys are hashes already, but notes are divided into parts
 * by the remainder of their key, so a place is made of a key's high bits, after a multiplication (Fibonacci hashing:
 * Knuth, The Art of Computer Programming 3, 6.4).
 *
 * It is built for the stable ABI of Python 3.11 (one binary for all later versions).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Raise it, and the one in choose_notes.py, whenever other notes are chosen: whoever updates a checkout may still have
 * the extension that was built before. */
#define INTERFACE 1

#define WORDS 6         /* of a note: its key, tag, value, where its line is, offset, length with the hour above it */
#define HOUR_SHIFT 36   /* of an hour in the last word */
#define REWARD_SHIFT 8  /* of a reward in a tag */
#define TAG_MASK 15
#define READ_AGAIN 16   /* in a tag: an amount is not known exactly */
#define HOURS_BEFORE 22 /* an event this many hours before a registration, or fewer, says nothing */

/* The values are those of note_format.py; a test compares what both do. */
enum Tag {
    TAG_CUSTOMER = 1,
    TAG_CUSTOMER_BARE,
    TAG_DELETED,
    TAG_DEAD,
    TAG_MORE_BALANCE,
    TAG_EVENTS,
    TAG_TRANSACTIONS,
    TAG_MORE_TRANSACTIONS,
    TAG_TRANSACTIONS_DEAD,
    TAG_EMAIL,
    TAG_PURCHASE,
};

typedef struct {
    const int64_t *words;
    size_t notes;
} Part;

static inline const int64_t *note_at(const Part *part, size_t index) { return part->words + index * WORDS; }

/* ---- A table of keys --------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t key;
    int64_t where; /* of the customer */
    int32_t hour;  /* of the customer */
    unsigned used : 1, customer : 1, transactions : 1, purchase : 1, remarkable : 1;
} Slot; /* 24 bytes: most of the memory that a call needs */

typedef struct {
    Slot *slots;
    unsigned shift;
    size_t mask;
} Keys;

static inline size_t place_of(uint64_t key, unsigned shift) { return (size_t)(key * 0x9E3779B97F4A7C15u >> shift); }

/* The logarithm of a number of places that is at least twice `entries`. */
static unsigned bits_for(size_t entries)
{
    unsigned bits = 4;
    while (((size_t)1 << bits) < 2 * entries)
        bits++;
    return bits;
}

static int keys_open(Keys *keys, size_t entries)
{
    unsigned bits = bits_for(entries);
    keys->shift = 64 - bits;
    keys->mask = ((size_t)1 << bits) - 1;
    keys->slots = calloc(keys->mask + 1, sizeof *keys->slots);
    return keys->slots != NULL;
}

/* The slot of a key, which is new if it is not `used`. */
static inline Slot *keys_find(const Keys *keys, int64_t key)
{
    size_t at = place_of((uint64_t)key, keys->shift);
    while (keys->slots[at].used && keys->slots[at].key != key)
        at = (at + 1) & keys->mask;
    return &keys->slots[at];
}

static inline Slot *keys_take(const Keys *keys, int64_t key)
{
    Slot *slot = keys_find(keys, key);
    slot->used = 1;
    slot->key = key;
    return slot;
}

/* ---- A table of sums by key and reward --------------------------------------------------------------------------- */

typedef struct {
    Slot *slot; /* of the key; NULL: nothing is here */
    int64_t reward, sum;
} Sum;

typedef struct {
    Sum *sums;
    unsigned shift;
    size_t mask;
    int wanted; /* whether the run reads both sides */
} Sums;

static int sums_open(Sums *sums, size_t entries, int wanted)
{
    sums->wanted = wanted;
    unsigned bits = bits_for(entries);
    sums->shift = 64 - bits;
    sums->mask = ((size_t)1 << bits) - 1;
    sums->sums = calloc(sums->mask + 1, sizeof *sums->sums);
    return sums->sums != NULL;
}

/* Add to the sum of a key and a reward, if sums are compared. */
static void sums_add(const Sums *sums, Slot *slot, int64_t reward, int64_t value)
{
    if (value == 0 || !sums->wanted)
        return;
    size_t at = place_of((uint64_t)slot->key + (uint64_t)reward * 0xD6E8FEB86659FD93u, sums->shift);
    while (sums->sums[at].slot != NULL && (sums->sums[at].slot != slot || sums->sums[at].reward != reward))
        at = (at + 1) & sums->mask;
    Sum *sum = &sums->sums[at];
    sum->slot = slot;
    sum->reward = reward;
    if (value > 0 ? sum->sum > INT64_MAX - value : sum->sum < INT64_MIN - value)
        slot->remarkable = 1;
    else
        sum->sum += value;
}

static void sums_subtract(const Sums *sums, Slot *slot, int64_t reward, int64_t value)
{
    if (value == INT64_MIN)
        slot->remarkable = 1;
    else
        sums_add(sums, slot, reward, -value);
}

/* ---- Choosing notes ---------------------------------------------------------------------------------------------- */

typedef struct {
    Part part;
    const int64_t *dead; /* ascending: where the records are whose email came before */
    size_t dead_count;
    int customers, transactions; /* whether the run reads them */
    Keys keys;
    Sums sums;
} Look;

static int is_dead(const Look *look, int64_t where)
{
    size_t low = 0, high = look->dead_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (look->dead[middle] < where)
            low = middle + 1;
        else
            high = middle;
    }
    return low < look->dead_count && look->dead[low] == where;
}

static void look_at_customer(Look *look, Slot *slot, const int64_t *note)
{
    if (slot->customer || is_dead(look, note[3])) {
        slot->remarkable = 1;
        return;
    }
    slot->customer = 1;
    slot->where = note[3];
    slot->hour = (int32_t)(note[5] >> HOUR_SHIFT);
    sums_add(&look->sums, slot, note[1] >> REWARD_SHIFT, note[2]);
}

/* A line of events or transactions. */
static void look_for_customer(const Look *look, Slot *slot, const int64_t *note)
{
    if (look->customers && (!slot->customer || slot->hour - (note[5] >> HOUR_SHIFT) > HOURS_BEFORE))
        slot->remarkable = 1;
}

/* Whether a note can say something without others: emails are left to another function. */
static int is_looked_at(const Look *look, const int64_t *note)
{
    int64_t tag = note[1] & TAG_MASK;
    return tag != TAG_EMAIL && (tag != TAG_EVENTS || look->customers);
}

static int has_amount(const int64_t *note)
{
    int64_t tag = note[1] & TAG_MASK;
    return note[2] != 0
           && (tag == TAG_CUSTOMER || tag == TAG_CUSTOMER_BARE || tag == TAG_MORE_BALANCE || tag == TAG_TRANSACTIONS
               || tag == TAG_MORE_TRANSACTIONS);
}

/* Allocate the tables, no larger than these notes need. */
static int look_open(Look *look)
{
    size_t keys = 0, sums = 0;
    for (size_t index = 0; index < look->part.notes; index++) {
        const int64_t *note = note_at(&look->part, index);
        keys += is_looked_at(look, note);
        sums += look->customers && look->transactions && has_amount(note);
    }
    return keys_open(&look->keys, keys) && sums_open(&look->sums, sums, look->customers && look->transactions);
}

static void look_at_note(Look *look, const int64_t *note)
{
    if (!is_looked_at(look, note))
        return;
    int64_t tag = note[1] & TAG_MASK;
    Slot *slot = keys_take(&look->keys, note[0]);
    if (note[1] & READ_AGAIN)
        slot->remarkable = 1;
    switch (tag) {
    case TAG_CUSTOMER:
    case TAG_CUSTOMER_BARE:
        look_at_customer(look, slot, note);
        break;
    case TAG_MORE_BALANCE:
        if (!slot->customer || slot->where != note[3])
            slot->remarkable = 1;
        else
            sums_add(&look->sums, slot, note[1] >> REWARD_SHIFT, note[2]);
        break;
    case TAG_EVENTS:
        look_for_customer(look, slot, note);
        break;
    case TAG_TRANSACTIONS:
        look_for_customer(look, slot, note);
        if (slot->transactions)
            slot->remarkable = 1;
        slot->transactions = 1;
        sums_subtract(&look->sums, slot, note[1] >> REWARD_SHIFT, note[2]);
        break;
    case TAG_MORE_TRANSACTIONS:
        sums_subtract(&look->sums, slot, note[1] >> REWARD_SHIFT, note[2]);
        break;
    case TAG_PURCHASE:
        if (slot->purchase)
            slot->remarkable = 1;
        slot->purchase = 1;
        break;
    default: /* a dead letter, a deleted customer */
        slot->remarkable = 1;
    }
}

/* Look at all notes; return how many are to be chosen. */
static size_t look_at_all(Look *look)
{
    const Part *part = &look->part;
    for (size_t index = 0; index < part->notes; index++)
        look_at_note(look, note_at(part, index));
    if (look->sums.wanted)
        for (size_t at = 0; at <= look->sums.mask; at++)
            if (look->sums.sums[at].sum != 0)
                look->sums.sums[at].slot->remarkable = 1;
    size_t chosen = 0;
    for (size_t index = 0; index < part->notes; index++) {
        const int64_t *note = note_at(part, index);
        chosen += is_looked_at(look, note) && keys_find(&look->keys, note[0])->remarkable;
    }
    return chosen;
}

/* ---- For Python -------------------------------------------------------------------------------------------------- */

/* Lock an array of numbers of 64 bits. Return 0 with an exception if it is none, in groups of `of`. */
static int words_open(PyObject *words, Py_buffer *buffer, size_t of)
{
    if (PyObject_GetBuffer(words, buffer, PyBUF_SIMPLE) < 0)
        return 0;
    size_t length = (size_t)buffer->len;
    if (length % (of * sizeof(int64_t)) || (length && (uintptr_t)buffer->buf % sizeof(int64_t))) {
        PyBuffer_Release(buffer);
        PyErr_SetString(PyExc_ValueError, "not a whole number of notes or places");
        return 0;
    }
    return 1;
}

static int part_open(PyObject *words, Py_buffer *buffer, Part *part)
{
    if (!words_open(words, buffer, WORDS))
        return 0;
    part->words = buffer->buf;
    part->notes = (size_t)buffer->len / (WORDS * sizeof(int64_t));
    return 1;
}

static int append_index(PyObject *list, size_t index)
{
    PyObject *number = PyLong_FromSize_t(index);
    if (number == NULL)
        return -1;
    int appended = PyList_Append(list, number);
    Py_DECREF(number);
    return appended;
}

/* The indexes of the notes that are to be chosen. */
static PyObject *chosen_notes(const Look *look)
{
    PyObject *list = PyList_New(0);
    for (size_t index = 0; list != NULL && index < look->part.notes; index++) {
        const int64_t *note = note_at(&look->part, index);
        if (is_looked_at(look, note) && keys_find(&look->keys, note[0])->remarkable && append_index(list, index) < 0)
            Py_CLEAR(list);
    }
    return list;
}

PyDoc_STRVAR(remarkable_doc,
             "remarkable(words, dead, customers, transactions, /)\n--\n\n"
             "Return the indexes of the notes that may say something, ascending.\n\n"
             "`dead` are the places of records whose email came before, ascending, in 64 bits each. `customers`,\n"
             "`transactions`: whether the run reads them.");

static PyObject *remarkable(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *words, *dead, *chosen = NULL;
    Look look = {0};
    Py_buffer of_words, of_dead;
    if (!PyArg_ParseTuple(args, "OOpp:remarkable", &words, &dead, &look.customers, &look.transactions))
        return NULL;
    if (!words_open(dead, &of_dead, 1))
        return NULL;
    look.dead = of_dead.buf;
    look.dead_count = (size_t)of_dead.len / sizeof(int64_t);
    if (!part_open(words, &of_words, &look.part)) {
        PyBuffer_Release(&of_dead);
        return NULL;
    }
    if (!look_open(&look)) {
        PyErr_NoMemory();
    } else {
        size_t count;
        Py_BEGIN_ALLOW_THREADS
        count = look_at_all(&look);
        Py_END_ALLOW_THREADS
        chosen = count ? chosen_notes(&look) : PyList_New(0);
    }
    free(look.keys.slots);
    free(look.sums.sums);
    PyBuffer_Release(&of_words);
    PyBuffer_Release(&of_dead);
    return chosen;
}

static int has_tag(const int64_t *note, int one, int other)
{
    return (note[1] & TAG_MASK) == one || (note[1] & TAG_MASK) == other;
}

static size_t count_notes(const Part *part, int one, int other)
{
    size_t count = 0;
    for (size_t index = 0; index < part->notes; index++)
        count += has_tag(note_at(part, index), one, other);
    return count;
}

/* Note which keys the notes with these two tags have, and which of them come again; return how many keys there are. */
static size_t count_keys(const Part *part, const Keys *keys, int one, int other)
{
    size_t count = 0;
    for (size_t index = 0; index < part->notes; index++) {
        const int64_t *note = note_at(part, index);
        if (!has_tag(note, one, other))
            continue;
        Slot *slot = keys_take(keys, note[0]);
        count += !slot->customer;
        slot->remarkable |= slot->customer;
        slot->customer = 1;
    }
    return count;
}

PyDoc_STRVAR(count_doc, "count(words, one, other, /)\n--\n\nReturn how many keys notes with these tags have.");

static PyObject *count(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *words, *counted = NULL;
    int one, other;
    Py_buffer buffer;
    Part part;
    Keys keys;
    if (!PyArg_ParseTuple(args, "Oii:count", &words, &one, &other) || !part_open(words, &buffer, &part))
        return NULL;
    if (!keys_open(&keys, count_notes(&part, one, other))) {
        PyErr_NoMemory();
    } else {
        size_t found;
        Py_BEGIN_ALLOW_THREADS
        found = count_keys(&part, &keys, one, other);
        Py_END_ALLOW_THREADS
        counted = PyLong_FromSize_t(found);
        free(keys.slots);
    }
    PyBuffer_Release(&buffer);
    return counted;
}

PyDoc_STRVAR(repeated_doc,
             "repeated(words, one, other, /)\n--\n\n"
             "Return the indexes of the notes with these tags whose key occurs more than once among them, ascending.");

static PyObject *repeated(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *words, *list = NULL;
    int one, other;
    Py_buffer buffer;
    Part part;
    Keys keys;
    if (!PyArg_ParseTuple(args, "Oii:repeated", &words, &one, &other) || !part_open(words, &buffer, &part))
        return NULL;
    if (!keys_open(&keys, count_notes(&part, one, other))) {
        PyErr_NoMemory();
    } else {
        Py_BEGIN_ALLOW_THREADS
        count_keys(&part, &keys, one, other);
        Py_END_ALLOW_THREADS
        list = PyList_New(0);
        for (size_t index = 0; list != NULL && index < part.notes; index++) {
            const int64_t *note = note_at(&part, index);
            if (has_tag(note, one, other) && keys_find(&keys, note[0])->remarkable && append_index(list, index) < 0)
                Py_CLEAR(list);
        }
        free(keys.slots);
    }
    PyBuffer_Release(&buffer);
    return list;
}

static PyMethodDef FUNCTIONS[] = {
    {"remarkable", remarkable, METH_VARARGS, remarkable_doc},
    {"count", count, METH_VARARGS, count_doc},
    {"repeated", repeated, METH_VARARGS, repeated_doc},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module) { return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE); }

static PyModuleDef_Slot MODULE_SLOTS[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_remarkable",
    .m_doc = "Choose notes that may say something; see the theory of operation in its source.",
    .m_methods = FUNCTIONS,
    .m_slots = MODULE_SLOTS,
};

PyMODINIT_FUNC PyInit__remarkable(void) { return PyModuleDef_Init(&MODULE); }

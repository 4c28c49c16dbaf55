/* _memory: remember values and purchases in bounded memory, many in one call.
 *
 * THEORY OF OPERATION
 *
 * `duplicates.py` and `purchases.py` say what is remembered, and for how long. They have tables in Python that do the
 * same as this file, with a step of the interpreter for each value. Tests feed both and compare the answers.
 *
 * A *value* is a text. All that is kept of it is a digest of 64 bits: Python's own hash of the text, which Python
 * computes once and keeps in the object. A *purchase* is a customer and a `purchase_id`; its digest comes from the
 * hashes of both. Beside the digest of a purchase are 24 bits, its *content*: purchases with one digest and several
 * contents are different events of one purchase, and each of them has a place of its own.
 *
 * THE TABLE
 *
 * A memory has 256 tables. The low 8 bits of a digest are the number of its table. So they need not be kept, and in the
 * slot of 64 bits they make room for the *stamp*, which says how old the digest is. A stamp is never 0, so an empty
 * slot is 0. Contents are in an array of their own, beside the slots.
 *
 * A table is an open-addressing hash table with linear probing, whose slots are in ascending order of their digests:
 *
 *      home(digest) = the high 32 bits of the digest * size / 2^32      which never decreases as the digest grows
 *
 * A digest is in its home or behind it, without an empty slot between. Digests do not wrap around at the end; instead
 * there are a few slots more than `size`, and more of them are added if they run out. The last slot is always empty,
 * so every search ends. To insert is to move what is behind, up to the next empty slot, by one.
 *
 * The order is what makes growing and forgetting simple. Both are one walk over the slots in ascending order, in place
 * (`rebuild`): each digest goes to its new home, or behind the one before it. Why no digest is overwritten before it
 * was read is explained there.
 *
 * HOW LONG IS IT REMEMBERED
 *
 * Time is counted in digests that are new. After `span` of them, an age is over. Whatever is seen gets the stamp of the
 * present age. If a table is full, digests that are more than `window` ages old are dropped (window * span is at least
 * the capacity); if that brings too little, the table grows. There are more stamps than ages in a window: a digest that
 * was not dropped until its stamp came round again is taken for a young one, which does no harm.
 *
 * MEMORY AND THREADS
 *
 * Everything happens under the GIL. Hashes are computed before a table is touched, and no pointer into a table is kept
 * while Python may run other code. Every allocation is checked: without memory, a call raises MemoryError, what it has
 * noted so far stays noted, and the table is whole. A digest takes 8 bytes, a purchase 12, and a table is between half
 * and seven eighths full, except for very small ones.
 *
 * It is built for the stable ABI of Python 3.11 (one binary for all later versions).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Raise it, and the one in memory.py, whenever something is asked, answered or remembered in another way: whoever
 * updates a checkout may still have the extension that was built before. */
#define INTERFACE 3

#define TABLES 256
#define STAMP_MASK ((uint64_t)TABLES - 1) /* the bits of a digest that are the number of its table */
#define STAMPS 255                        /* 1 to 255 */
#define SPANS 64                          /* the length of the window in ages, or less if the capacity is small */
#define FIRST_SIZE 8
#define MORE_SLOTS 8                /* behind the last home */
#define MOST_SLOTS ((uint32_t)1 << 30) /* of one table: for 2^38 digests in all */
#define MOST_CONTENT 0xFFFFFF
#define AT_ONCE 64 /* digests that are computed before the first of them is looked for */

_Static_assert(SPANS + 2 < STAMPS, "what is older than the window has a stamp that is not in the window");

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

/* ---- A table ----------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t *slots;    /* `length` of them, or NULL */
    uint32_t *contents; /* as many, of purchases; else NULL */
    uint32_t size;      /* homes */
    uint32_t length;    /* at least one more than `size`; the last slot is empty */
    uint32_t used;      /* slots that are not empty */
} Table;

typedef struct {
    PyObject_HEAD
    uint64_t capacity, span, window;
    uint64_t age;  /* counted up from 0 */
    uint64_t left; /* new digests until the next age */
    int has_contents;
    Table tables[TABLES];
} Memory;

typedef enum { NO_MEMORY = -1, NEW, ALIKE, SAME } Found;

static Py_ssize_t memory_length(PyObject *self)
{
    Py_ssize_t used = 0;
    for (int i = 0; i < TABLES; i++)
        used += ((Memory *)self)->tables[i].used;
    return used;
}

static uint32_t home(uint64_t digest, uint32_t size) { return (uint32_t)(((digest >> 32) * size) >> 32); }

static uint64_t stamp_of(const Memory *memory) { return 1 + memory->age % STAMPS; }

static int is_old(const Memory *memory, uint64_t slot)
{
    uint64_t now = stamp_of(memory), then = slot & STAMP_MASK;
    return (now + STAMPS - then) % STAMPS > memory->window;
}

/* Make room for `length` slots. What is in the table stays as it is, also if there is no memory. */
static int reserve(Table *table, uint32_t length, int has_contents)
{
    uint64_t *slots = realloc(table->slots, (size_t)length * sizeof *slots);
    if (slots == NULL)
        return 0;
    table->slots = slots;
    if (has_contents) {
        uint32_t *contents = realloc(table->contents, (size_t)length * sizeof *contents);
        if (contents == NULL)
            return 0;
        table->contents = contents;
    }
    return 1;
}

/* Add slots behind the last home: those that are there have run out. */
static int lengthen(Table *table, int has_contents)
{
    uint32_t more = MORE_SLOTS + table->length / 4;
    if (more > MOST_SLOTS - table->length || !reserve(table, table->length + more, has_contents))
        return 0;
    memset(table->slots + table->length, 0, more * sizeof *table->slots);
    table->length += more;
    return 1;
}

/* Give every digest that is not to be dropped its place in a table with `more` homes more.
 *
 * First all slots move to the end of the longer table, then each in turn goes to its place, which may be its own slot
 * or one before it, never one behind it. This is why. In the old table, the digest number i is in slot
 *
 *      max over j <= i of (home(j) + i - j)
 *
 * or behind it. `home` grows by `more` at most, so the new place, which is the same with the new homes, is at most the
 * old slot plus `more`, and that is where the digest was moved. Dropping digests only brings the others forward. */
static void rebuild(Memory *memory, Table *table, uint32_t more, int drop)
{
    uint32_t length = table->length + more, place = 0;
    uint64_t *slots = table->slots;
    uint32_t *contents = table->contents;
    if (more > 0) {
        memmove(slots + more, slots, table->length * sizeof *slots);
        memset(slots, 0, more * sizeof *slots);
        if (contents != NULL)
            memmove(contents + more, contents, table->length * sizeof *contents);
    }
    table->size += more;
    table->length = length;
    table->used = 0;
    for (uint32_t from = more; from < length; from++) {
        uint64_t slot = slots[from];
        slots[from] = 0;
        if (slot == 0 || (drop && is_old(memory, slot)))
            continue;
        uint32_t own = home(slot, table->size);
        if (place < own)
            place = own;
        slots[place] = slot;
        if (contents != NULL)
            contents[place] = contents[from];
        place++;
        table->used++;
    }
}

/* Give a table `more` homes more. */
static int grow(Memory *memory, Table *table, uint32_t more)
{
    uint32_t before = table->size == 0 ? MORE_SLOTS : table->length;
    if (more > MOST_SLOTS - before || !reserve(table, before + more, memory->has_contents))
        return 0;
    if (table->size == 0) {
        memset(table->slots, 0, (before + more) * sizeof *table->slots);
        table->length = before;
    }
    rebuild(memory, table, more, 0);
    return 1;
}

static int is_full(const Table *table) { return table->used >= table->size - table->size / 8; } /* of none: 0 >= 0 */

/* Make room in a table that is full.
 *
 * Tables fill evenly, so if one of them has to grow, all that are as small do, one after the other: then each fits into
 * what those before it have left in the heap. If they grew each in its own time, a third of the heap would be holes.
 * The exception is a table with many more digests than others: many events of one purchase. It grows alone. */
static int make_room(Memory *memory, Table *table)
{
    if (memory->age > memory->window && table->size > 0) {
        rebuild(memory, table, 0, 1);
        if (table->used < table->size - table->size / 8 - table->size / 16)
            return 1;
    }
    uint32_t size = table->size, more = size == 0 ? FIRST_SIZE : FIRST_SIZE / 2 + size / 8;
    if (size > 16 && table->used / 4 > (uint64_t)memory_length((PyObject *)memory) / TABLES)
        return grow(memory, table, more);
    for (int i = 0; i < TABLES; i++)
        if (memory->tables[i].size <= size && !grow(memory, &memory->tables[i], size + more - memory->tables[i].size))
            return 0;
    return 1;
}

/* Return the first slot that is not before a digest: its own, or the one where it belongs. `low` has no stamp. */
static uint32_t find(const Table *table, uint64_t low)
{
    uint32_t place = home(low, table->size);
    while (table->slots[place] != 0 && table->slots[place] < low)
        place++;
    return place;
}

static int is_at(const Table *table, uint32_t place, uint64_t low)
{
    return table->slots[place] != 0 && (table->slots[place] & ~STAMP_MASK) == low;
}

/* Find the place where a digest belongs, behind all that are equal to it. If an equal one has the same content, it gets
 * the present age, and the place is its own. Values have no content. */
static Found look_up(Memory *memory, Table *table, uint64_t low, uint32_t content, uint32_t *place)
{
    Found found = NEW;
    for (*place = find(table, low); is_at(table, *place, low); ++*place) {
        if (!memory->has_contents || table->contents[*place] == content) {
            table->slots[*place] = low | stamp_of(memory);
            return SAME;
        }
        found = ALIKE;
    }
    return found;
}

/* Put a digest into a slot, and what is in the way one slot further, up to the next empty one. */
static void insert(Table *table, uint32_t place, uint64_t slot, uint32_t content)
{
    uint64_t *slots = table->slots, next;
    if (table->contents == NULL) {
        for (; (next = slots[place]) != 0; slot = next)
            slots[place++] = slot;
        slots[place] = slot;
        return;
    }
    uint32_t *contents = table->contents, moved;
    for (; (next = slots[place]) != 0; slot = next, content = moved) {
        moved = contents[place];
        slots[place] = slot;
        contents[place++] = content;
    }
    slots[place] = slot;
    contents[place] = content;
}

/* Remember a digest, and return what of it came before. It is looked up before room is made, which may drop it: when it
 * came, it may have been the last one of its age. */
static Found note(Memory *memory, uint64_t digest, uint32_t content)
{
    Table *table = &memory->tables[digest & STAMP_MASK];
    uint64_t low = digest & ~STAMP_MASK;
    uint32_t place = 0;
    Found found = table->size == 0 ? NEW : look_up(memory, table, low, content, &place);
    if (found == SAME)
        return SAME;
    if (is_full(table)) {
        if (!make_room(memory, table))
            return NO_MEMORY;
        look_up(memory, table, low, content, &place);
    }
    if (table->slots[table->length - 2] != 0 && !lengthen(table, memory->has_contents))
        return NO_MEMORY;
    insert(table, place, low | stamp_of(memory), content);
    table->used++;
    if (--memory->left == 0) {
        memory->age++;
        memory->left = memory->span;
    }
    return found;
}

/* Bring the home of a digest nearer, since it is looked for soon: fetching it takes longer than all the rest. */
static void announce(const Memory *memory, uint64_t digest)
{
    const Table *table = &memory->tables[digest & STAMP_MASK];
    if (table->size > 0) {
        PREFETCH(table->slots + home(digest, table->size));
        if (memory->has_contents)
            PREFETCH(table->contents + home(digest, table->size));
    }
}

/* ---- Digests ----------------------------------------------------------------------------------------------------- */

/* Spread what differs over all bits, and keep different numbers different (MurmurHash3's last step). Python may be built
 * with a hash whose high bits are alike for short texts. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 33) * 0xFF51AFD7ED558CCDu;
    bits = (bits ^ bits >> 33) * 0xC4CEB9FE1A85EC53u;
    return bits ^ bits >> 33;
}

/* Only a text itself, and nothing that is derived from it: its hash runs no code but Python's own. */
static int digest_of(PyObject *text, uint64_t *digest)
{
    if (text == NULL)
        return 0;
    if (!PyUnicode_CheckExact(text)) {
        PyErr_SetString(PyExc_TypeError, "a text is needed");
        return 0;
    }
    Py_hash_t hash = PyObject_Hash(text);
    *digest = mix((uint64_t)hash);
    return hash != -1;
}

static int is_list(PyObject *given)
{
    if (PyList_Check(given))
        return 1;
    PyErr_SetString(PyExc_TypeError, "a list is needed");
    return 0;
}

static int append(PyObject *list, PyObject *item) /* takes the reference */
{
    int done = item != NULL && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return done;
}

/* ---- What both memories have ------------------------------------------------------------------------------------- */

static PyObject *memory_new(PyTypeObject *type, PyObject *args, PyObject *kwargs, int has_contents)
{
    static char *names[] = {"capacity", NULL};
    Py_ssize_t capacity;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "$n", names, &capacity))
        return NULL;
    if (capacity < 1) {
        PyErr_SetString(PyExc_ValueError, "the capacity must be 1 or more");
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Memory *memory = (Memory *)allocate(type, 0); /* zeros */
    if (memory == NULL)
        return NULL;
    memory->capacity = (uint64_t)capacity;
    memory->span = memory->left = (memory->capacity + SPANS - 1) / SPANS;
    memory->window = (memory->capacity + memory->span - 1) / memory->span;
    memory->has_contents = has_contents;
    return (PyObject *)memory;
}

static void memory_dealloc(PyObject *self)
{
    Memory *memory = (Memory *)self;
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    for (int i = 0; i < TABLES; i++) {
        free(memory->tables[i].slots);
        free(memory->tables[i].contents);
    }
    release(self);
    Py_DECREF(type); /* an object of a type on the heap holds it */
}

PyDoc_STRVAR(sizeof_doc, "__sizeof__()\n--\n\nReturn the size in bytes, tables included.");

static PyObject *memory_sizeof(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    Memory *memory = (Memory *)self;
    size_t bytes = sizeof *memory, each = sizeof(uint64_t) + (memory->has_contents ? sizeof(uint32_t) : 0);
    for (int i = 0; i < TABLES; i++)
        bytes += memory->tables[i].length * each;
    return PyLong_FromSize_t(bytes);
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static PyObject *values_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return memory_new(type, args, kwargs, 0);
}

PyDoc_STRVAR(seen_doc, "seen(value, /)\n--\n\nReturn whether a value was given before, and remember it.");

static PyObject *values_seen(PyObject *self, PyObject *value)
{
    uint64_t digest;
    if (!digest_of(value, &digest))
        return NULL;
    Found found = note((Memory *)self, digest, 0);
    return found == NO_MEMORY ? PyErr_NoMemory() : PyBool_FromLong(found == SAME);
}

static int is_there(const Memory *memory, uint64_t digest)
{
    const Table *table = &memory->tables[digest & STAMP_MASK];
    uint64_t low = digest & ~STAMP_MASK;
    return table->size > 0 && is_at(table, find(table, low), low);
}

/* Return the indexes of those values that came before, and remember all; or of those that did not, and remember none. */
static PyObject *indexes_of(Memory *memory, PyObject *values, int absent)
{
    uint64_t digests[AT_ONCE];
    if (!is_list(values))
        return NULL;
    PyObject *indexes = PyList_New(0);
    if (indexes == NULL)
        return NULL;
    for (Py_ssize_t start = 0, count = 0; start < PyList_Size(values); start += count) {
        for (count = 0; count < AT_ONCE && start + count < PyList_Size(values); count++) {
            if (!digest_of(PyList_GetItem(values, start + count), &digests[count]))
                goto failed;
            announce(memory, digests[count]);
        }
        for (Py_ssize_t i = 0; i < count; i++) {
            Found found = absent ? NEW : note(memory, digests[i], 0);
            if (found == NO_MEMORY) {
                PyErr_NoMemory();
                goto failed;
            }
            int wanted = absent ? !is_there(memory, digests[i]) : found == SAME;
            if (wanted && !append(indexes, PyLong_FromSsize_t(start + i)))
                goto failed;
        }
    }
    return indexes;
failed:
    Py_DECREF(indexes);
    return NULL;
}

PyDoc_STRVAR(seen_all_doc, "seen_all(values, /)\n--\n\nReturn the indexes of values that were given before, and remember"
                           " all of them, in order.");

static PyObject *values_seen_all(PyObject *self, PyObject *values) { return indexes_of((Memory *)self, values, 0); }

PyDoc_STRVAR(absent_doc, "absent(values, /)\n--\n\nReturn the indexes of values that were not given before.");

static PyObject *values_absent(PyObject *self, PyObject *values) { return indexes_of((Memory *)self, values, 1); }

static int values_contains(PyObject *self, PyObject *value)
{
    uint64_t digest;
    return digest_of(value, &digest) ? is_there((Memory *)self, digest) : -1;
}

static PyMethodDef VALUES_METHODS[] = {
    {"seen", values_seen, METH_O, seen_doc},
    {"seen_all", values_seen_all, METH_O, seen_all_doc},
    {"absent", values_absent, METH_O, absent_doc},
    {"__sizeof__", memory_sizeof, METH_NOARGS, sizeof_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot VALUES_SLOTS[] = {
    {Py_tp_doc, "ValueTable(*, capacity)\n--\n\nRemembers at least the last `capacity` distinct values."},
    {Py_tp_new, values_new},
    {Py_tp_dealloc, memory_dealloc},
    {Py_tp_methods, VALUES_METHODS},
    {Py_sq_length, memory_length},
    {Py_sq_contains, values_contains},
    {0, NULL},
};

static PyType_Spec VALUES_SPEC = {
    .name = "masivo_stream.core.reading._memory.ValueTable",
    .basicsize = sizeof(Memory),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = VALUES_SLOTS,
};

/* ---- Purchases --------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t digest;
    uint32_t content;
} Event;

/* The events of some records: the columns that are given, and where reading them has come to. */
typedef struct {
    PyObject *customers, *items, *purchases, *contents; /* lists */
    Py_ssize_t record;                                  /* the next one */
    Py_ssize_t left;                                    /* events of the record before that */
    uint64_t customer;                                  /* its customer's digest */
    Py_ssize_t event;                                   /* the next one */
} Columns;

static int fail_lengths(void)
{
    PyErr_SetString(PyExc_ValueError, "the columns have different lengths");
    return -1;
}

/* Read the customer of the next record. Return 0 if there is none, -1 if something is wrong. */
static int next_record(Columns *columns)
{
    if (columns->record >= PyList_Size(columns->customers))
        return columns->record < PyList_Size(columns->items) ? fail_lengths() : 0;
    if (columns->record >= PyList_Size(columns->items))
        return fail_lengths();
    Py_ssize_t items = PyLong_AsSsize_t(PyList_GetItem(columns->items, columns->record));
    if (items == -1 && PyErr_Occurred())
        return -1;
    if (items < 0)
        return fail_lengths();
    if (!digest_of(PyList_GetItem(columns->customers, columns->record), &columns->customer))
        return -1;
    columns->left = items;
    columns->record++;
    return 1;
}

/* Read the next event. Return 0 if there is none, -1 if something is wrong. */
static int next_event(Columns *columns, Event *event)
{
    while (columns->left == 0) {
        int found = next_record(columns);
        if (found < 0)
            return -1;
        if (found == 0) {
            int all = columns->event == PyList_Size(columns->purchases) && columns->event == PyList_Size(columns->contents);
            return all ? 0 : fail_lengths();
        }
    }
    if (columns->event >= PyList_Size(columns->purchases) || columns->event >= PyList_Size(columns->contents))
        return fail_lengths();
    unsigned long content = PyLong_AsUnsignedLong(PyList_GetItem(columns->contents, columns->event));
    if (content == (unsigned long)-1 && PyErr_Occurred())
        return -1;
    if (content > MOST_CONTENT) {
        PyErr_SetString(PyExc_OverflowError, "a content has 24 bits");
        return -1;
    }
    if (!digest_of(PyList_GetItem(columns->purchases, columns->event), &event->digest))
        return -1;
    /* Two sums are equal by chance only, since Python's hash has a key of this process. The customer's digest is mixed
     * once more: so it makes a difference which of the two texts is the customer. */
    event->digest = mix(mix(columns->customer) + event->digest);
    event->content = (uint32_t)content;
    columns->left--;
    columns->event++;
    return 1;
}

static int set_item(PyObject *dict, PyObject *key, PyObject *value) /* takes the reference to the key */
{
    int done = key != NULL && PyDict_SetItem(dict, key, value) == 0;
    Py_XDECREF(key);
    return done;
}

/* Note events, of which the first has this number, and add to `hits` those that came before. */
static int note_events(Memory *memory, const Event *events, Py_ssize_t count, Py_ssize_t number, PyObject *hits)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        Found found = note(memory, events[i].digest, events[i].content);
        if (found == NO_MEMORY) {
            PyErr_NoMemory();
            return 0;
        }
        if (found != NEW && !set_item(hits, PyLong_FromSsize_t(number + i), found == SAME ? Py_True : Py_False))
            return 0;
    }
    return 1;
}

PyDoc_STRVAR(note_all_doc,
             "note_all(customers, items, purchases, contents, /)\n--\n\nRemember the events of records. Return those that"
             " came before, by their indexes among all events given: whether in the same event.");

static PyObject *purchases_note_all(PyObject *self, PyObject *args)
{
    Memory *memory = (Memory *)self;
    Columns columns = {0};
    if (!PyArg_ParseTuple(args, "O!O!O!O!", &PyList_Type, &columns.customers, &PyList_Type, &columns.items, &PyList_Type,
                          &columns.purchases, &PyList_Type, &columns.contents))
        return NULL;
    PyObject *hits = PyDict_New();
    int found = 1;
    while (hits != NULL && found == 1) {
        Event events[AT_ONCE];
        Py_ssize_t count = 0, begin = columns.event;
        while (count < AT_ONCE && (found = next_event(&columns, &events[count])) == 1)
            announce(memory, events[count++].digest);
        if (found < 0 || !note_events(memory, events, count, begin, hits))
            Py_CLEAR(hits);
    }
    return hits;
}

static PyObject *purchases_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return memory_new(type, args, kwargs, 1);
}

static PyMethodDef PURCHASES_METHODS[] = {
    {"note_all", purchases_note_all, METH_VARARGS, note_all_doc},
    {"__sizeof__", memory_sizeof, METH_NOARGS, sizeof_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot PURCHASES_SLOTS[] = {
    {Py_tp_doc, "PurchaseTable(*, capacity)\n--\n\nRemembers at least the last `capacity` events."},
    {Py_tp_new, purchases_new},
    {Py_tp_dealloc, memory_dealloc},
    {Py_tp_methods, PURCHASES_METHODS},
    {Py_sq_length, memory_length},
    {0, NULL},
};

static PyType_Spec PURCHASES_SPEC = {
    .name = "masivo_stream.core.reading._memory.PurchaseTable",
    .basicsize = sizeof(Memory),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = PURCHASES_SLOTS,
};

/* ---- The module -------------------------------------------------------------------------------------------------- */

static int add_type(PyObject *module, PyType_Spec *spec, const char *name)
{
    PyObject *type = PyType_FromSpec(spec);
    if (type == NULL)
        return 0;
    int added = PyModule_AddObjectRef(module, name, type);
    Py_DECREF(type);
    return added == 0;
}

static int module_exec(PyObject *module)
{
    if (sizeof(Py_hash_t) != sizeof(uint64_t)) {
        PyErr_SetString(PyExc_ImportError, "hashes of this Python have not 64 bits");
        return -1;
    }
    if (!add_type(module, &VALUES_SPEC, "ValueTable") || !add_type(module, &PURCHASES_SPEC, "PurchaseTable"))
        return -1;
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static PyModuleDef_Slot MODULE_SLOTS[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_memory",
    .m_doc = "Remember values and purchases; see the theory of operation in its source.",
    .m_slots = MODULE_SLOTS,
};

PyMODINIT_FUNC PyInit__memory(void) { return PyModuleDef_Init(&MODULE); }

/* _sent_notes: make the notes of purchases that were sent, those of a batch in one call.
 *
 * THEORY OF OPERATION
 *
 * `sent_purchases.py` says what a note is, and makes notes in Python; that is the law, and tests compare the two. A note
 * has 12 bytes: the key of the purchase, and its content, both big-endian. The key is BLAKE2b (RFC 7693) of the text
 *
 *      <number of the customer's characters> <customer> <purchase_id>
 *
 * in UTF-8, with the salt as the key, and 8 bytes long. In Python each note takes six calls, and two compressions of 128
 * bytes each, since `hashlib` compresses the block with the salt once a note. Here it is compressed once a call, and what
 * a customer's purchases have in common is copied, not made again.
 *
 * MEMORY AND THREADS
 *
 * Everything happens under the GIL. Only the result is allocated, and its length is known before. A text that is not
 * ASCII gets its UTF-8 from Python, which keeps it with the text; one with a lone surrogate is encoded here.
 *
 * It is built for the stable ABI of Python 3.11 (one binary for all later versions).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Raise it, and the one in sent_purchases.py, whenever notes are made in another way, or something else is asked:
 * whoever updates a checkout may still have the extension that was built before. */
#define INTERFACE 1

#define BLOCK 128
#define ROUNDS 12
#define MOST_SALT 64
#define KEY_BYTES 8
#define CONTENT_BYTES 4
#define NOTE_BYTES (KEY_BYTES + CONTENT_BYTES)

/* BLAKE2b: RFC 7693, sections 2.6, 2.7 and 3. */

typedef struct {
    uint64_t state[8];
    uint64_t length; /* bytes that were compressed; no text has 2^64 */
    size_t used;     /* of the block */
    uint8_t block[BLOCK];
} Hash;

static const uint64_t START[8] = {
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
};

static const uint8_t SIGMA[ROUNDS][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

static uint64_t
rotate(uint64_t word, int bits)
{
    return word >> bits | word << (64 - bits);
}

static uint64_t
read_word(const uint8_t *bytes) /* little-endian on every machine */
{
    uint64_t word = 0;
    for (int index = 0; index < 8; index++) {
        word |= (uint64_t)bytes[index] << 8 * index;
    }
    return word;
}

#define MIX(a, b, c, d, x, y)                                                                                          \
    v[a] += v[b] + (x);                                                                                                \
    v[d] = rotate(v[d] ^ v[a], 32);                                                                                    \
    v[c] += v[d];                                                                                                      \
    v[b] = rotate(v[b] ^ v[c], 24);                                                                                    \
    v[a] += v[b] + (y);                                                                                                \
    v[d] = rotate(v[d] ^ v[a], 16);                                                                                    \
    v[c] += v[d];                                                                                                      \
    v[b] = rotate(v[b] ^ v[c], 63);

static void
compress(Hash *hash, int last)
{
    uint64_t v[16], words[16];
    memcpy(v, hash->state, sizeof hash->state);
    memcpy(v + 8, START, sizeof START);
    v[12] ^= hash->length;
    if (last) {
        v[14] = ~v[14];
    }
    for (int index = 0; index < 16; index++) {
        words[index] = read_word(hash->block + 8 * index);
    }
    for (int round = 0; round < ROUNDS; round++) {
        const uint8_t *s = SIGMA[round];
        MIX(0, 4, 8, 12, words[s[0]], words[s[1]])
        MIX(1, 5, 9, 13, words[s[2]], words[s[3]])
        MIX(2, 6, 10, 14, words[s[4]], words[s[5]])
        MIX(3, 7, 11, 15, words[s[6]], words[s[7]])
        MIX(0, 5, 10, 15, words[s[8]], words[s[9]])
        MIX(1, 6, 11, 12, words[s[10]], words[s[11]])
        MIX(2, 7, 8, 13, words[s[12]], words[s[13]])
        MIX(3, 4, 9, 14, words[s[14]], words[s[15]])
    }
    for (int index = 0; index < 8; index++) {
        hash->state[index] ^= v[index] ^ v[index + 8];
    }
}

/* Add bytes. A full block is compressed only when another byte comes: the last one is compressed in another way. */
static void
add(Hash *hash, const char *bytes, size_t size)
{
    while (size > 0) {
        if (hash->used == BLOCK) {
            hash->length += BLOCK;
            compress(hash, 0);
            hash->used = 0;
        }
        size_t taken = BLOCK - hash->used < size ? BLOCK - hash->used : size;
        memcpy(hash->block + hash->used, bytes, taken);
        hash->used += taken;
        bytes += taken;
        size -= taken;
    }
}

static void
begin(Hash *hash, const char *salt, size_t size)
{
    memcpy(hash->state, START, sizeof START);
    hash->state[0] ^= 0x01010000 ^ (uint64_t)size << 8 ^ KEY_BYTES;
    hash->length = 0;
    hash->used = 0;
    if (size > 0) {
        memset(hash->block, 0, BLOCK);
        memcpy(hash->block, salt, size);
        hash->length = BLOCK; /* a text follows, so this block is never the last one */
        compress(hash, 0);
    }
}

static void
finish(Hash *hash, uint8_t *key)
{
    hash->length += hash->used;
    memset(hash->block + hash->used, 0, BLOCK - hash->used);
    compress(hash, 1);
    for (int index = 0; index < KEY_BYTES; index++) {
        key[index] = (uint8_t)(hash->state[0] >> 8 * index);
    }
}

/* The notes. */

/* Add a text in UTF-8, as `text.encode("utf-8", "surrogatepass")` has it. Return -1 with an exception if it is none. */
static int
add_text(Hash *hash, PyObject *text)
{
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes != NULL) {
        add(hash, bytes, (size_t)size);
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        return -1;
    }
    PyErr_Clear();
    PyObject *encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    char *own;
    if (encoded == NULL || PyBytes_AsStringAndSize(encoded, &own, &size) < 0) {
        Py_XDECREF(encoded);
        return -1;
    }
    add(hash, own, (size_t)size);
    Py_DECREF(encoded);
    return 0;
}

/* Add the part that all purchases of a customer have in common. */
static int
add_customer(Hash *hash, PyObject *customer)
{
    Py_ssize_t length = PyUnicode_GetLength(customer);
    if (length < 0) {
        return -1;
    }
    char digits[32];
    add(hash, digits, (size_t)snprintf(digits, sizeof digits, "%lld ", (long long)length));
    if (add_text(hash, customer) < 0) {
        return -1;
    }
    add(hash, " ", 1);
    return 0;
}

static int
write_note(const Hash *customer, PyObject *purchase, PyObject *content, uint8_t *note)
{
    Hash hash = *customer;
    if (add_text(&hash, purchase) < 0) {
        return -1;
    }
    unsigned long number = PyLong_AsUnsignedLong(content);
    if (number == (unsigned long)-1 && PyErr_Occurred()) {
        return -1;
    }
    if (number > 0xFFFFFFFFUL) {
        PyErr_SetString(PyExc_OverflowError, "a content has more than 32 bits");
        return -1;
    }
    finish(&hash, note);
    for (int index = 0; index < CONTENT_BYTES; index++) {
        note[KEY_BYTES + index] = (uint8_t)(number >> 8 * (CONTENT_BYTES - 1 - index));
    }
    return 0;
}

typedef struct {
    PyObject *customers, *items, *purchases, *contents;
} Columns;

/* Write the notes of all purchases. Return -1 with an exception if the columns are not of one length. */
static int
write_notes(const Hash *salted, const Columns *columns, Py_ssize_t count, uint8_t *notes)
{
    Py_ssize_t customers = PyList_Size(columns->customers), done = 0;
    for (Py_ssize_t index = 0; index < customers && index < PyList_Size(columns->items); index++) {
        PyObject *customer = PyList_GetItem(columns->customers, index);
        Py_ssize_t items = PyLong_AsSsize_t(PyList_GetItem(columns->items, index));
        if (items == -1 && PyErr_Occurred()) {
            return -1;
        }
        Hash hash = *salted;
        if (add_customer(&hash, customer) < 0) {
            return -1;
        }
        for (; items > 0 && done < count; items--, done++) {
            PyObject *purchase = PyList_GetItem(columns->purchases, done);
            PyObject *content = PyList_GetItem(columns->contents, done);
            if (purchase == NULL || content == NULL) {
                return -1;
            }
            if (write_note(&hash, purchase, content, notes + NOTE_BYTES * done) < 0) {
                return -1;
            }
        }
        if (items != 0) {
            break;
        }
        if (index + 1 == customers && customers == PyList_Size(columns->items) && done == count) {
            return 0;
        }
    }
    if (customers == 0 && PyList_Size(columns->items) == 0 && count == 0) {
        return 0;
    }
    PyErr_SetString(PyExc_ValueError, "the columns are not of one length");
    return -1;
}

PyDoc_STRVAR(notes_doc, "notes(salt, customers, items, purchases, contents, /)\n--\n\n"
                        "Return the notes of all purchases; a customer has as many of them as `items` says.");

static PyObject *
notes(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *salt;
    Py_ssize_t size;
    Columns columns;
    if (!PyArg_ParseTuple(arguments, "y#O!O!O!O!:notes", &salt, &size, &PyList_Type, &columns.customers, &PyList_Type,
                          &columns.items, &PyList_Type, &columns.purchases, &PyList_Type, &columns.contents)) {
        return NULL;
    }
    Py_ssize_t count = PyList_Size(columns.purchases);
    if (size > MOST_SALT || count != PyList_Size(columns.contents) || count > PY_SSIZE_T_MAX / NOTE_BYTES) {
        PyErr_SetString(PyExc_ValueError, "the salt is too long, or the columns are not of one length");
        return NULL;
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, NOTE_BYTES * count);
    if (made == NULL) {
        return NULL;
    }
    Hash salted;
    begin(&salted, salt, (size_t)size);
    if (write_notes(&salted, &columns, count, (uint8_t *)PyBytes_AsString(made)) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}

static PyMethodDef METHODS[] = {
    {"notes", notes, METH_VARARGS, notes_doc},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "masivo_stream.core._sent_notes",
    .m_doc = "Make the notes of purchases that were sent; core/sent_purchases.py says what a note is.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__sent_notes(void)
{
    return PyModuleDef_Init(&MODULE);
}

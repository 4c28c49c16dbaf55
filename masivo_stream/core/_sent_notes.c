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
 * bytes each, since `hashlib` compresses the block with the salt once a note. Here it is compressed once a call, and four
 * texts are hashed at once: each in its lane of a vector, by the same steps. Almost every text has one block; of longer
 * ones, the lanes of the others repeat their last block meanwhile, whose result was taken already.
 *
 * MEMORY AND THREADS
 *
 * Under the GIL, the texts of all purchases are copied, each to blocks of its own. Hashing them, which is most of the
 * work, is done without the GIL. A text that is not ASCII gets its UTF-8 from Python, which keeps it with the text; one
 * with a lone surrogate is encoded here.
 *
 * It is built for the stable ABI of Python 3.11 (one binary for all later versions). Vectors are those of GCC and Clang,
 * which make of them what the processor has.
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

/* Built twice where the loader can choose: for any processor, and for those with AVX2, whose vectors have four lanes. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

/* BLAKE2b: RFC 7693, sections 2.6, 2.7 and 3. */

#define LANES 4

typedef uint64_t Lanes __attribute__((vector_size(8 * LANES)));

typedef struct {
    Lanes state[8];
    Lanes length; /* bytes up to the end of the block; no text has 2^64 */
    Lanes last;   /* all bits of a lane, if this is the last block of its text */
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

static inline uint64_t
read_word(const uint8_t *bytes) /* little-endian on every machine; compilers make one load of it */
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

#define ROTATE(words, bits) ((words) >> (bits) | (words) << (64 - (bits)))

#define MIX(a, b, c, d, x, y)                                                                                          \
    v[a] += v[b] + (x);                                                                                                \
    v[d] = ROTATE(v[d] ^ v[a], 32);                                                                                    \
    v[c] += v[d];                                                                                                      \
    v[b] = ROTATE(v[b] ^ v[c], 24);                                                                                    \
    v[a] += v[b] + (y);                                                                                                \
    v[d] = ROTATE(v[d] ^ v[a], 16);                                                                                    \
    v[c] += v[d];                                                                                                      \
    v[b] = ROTATE(v[b] ^ v[c], 63);

/* Compress a block of each lane. */
FOR_EACH_PROCESSOR static void
compress(Hash *hash, const uint8_t *const *blocks)
{
    Lanes v[16], words[16];
    for (int index = 0; index < 16; index++) {
        for (int lane = 0; lane < LANES; lane++) {
            words[index][lane] = read_word(blocks[lane] + 8 * index);
        }
    }
    for (int index = 0; index < 8; index++) {
        v[index] = hash->state[index];
        v[index + 8] = (Lanes){0} + START[index];
    }
    v[12] ^= hash->length;
    v[14] ^= hash->last;
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

/* Begin with the salt, in every lane: a text follows, so its block is never the last one. */
static void
begin(Hash *hash, const char *salt, size_t size)
{
    uint8_t block[BLOCK] = {0};
    const uint8_t *blocks[LANES] = {block, block, block, block};
    memset(hash, 0, sizeof *hash);
    for (int index = 0; index < 8; index++) {
        hash->state[index] += START[index];
    }
    hash->state[0] ^= 0x01010000 ^ (uint64_t)size << 8 ^ KEY_BYTES;
    if (size > 0) {
        memcpy(block, salt, size);
        hash->length += BLOCK;
        compress(hash, blocks);
    }
}

/* The texts. Each begins at a block of its own, and the rest of its last block is zero. */

typedef struct {
    size_t begin, size;
} Text;

typedef struct {
    uint8_t *bytes;
    size_t used, room;
    Text *each;
} Texts;

static size_t
last_block(const Text *text) /* no text is empty */
{
    return (text->size - 1) / BLOCK;
}

/* Write the keys of texts to their notes, of up to LANES from `first` on. */
static void
write_keys(const Hash *salted, const Texts *texts, Py_ssize_t first, Py_ssize_t count, uint8_t *notes)
{
    const Text *lanes[LANES];
    Hash hash = *salted;
    size_t most = 0;
    for (int lane = 0; lane < LANES; lane++) {
        lanes[lane] = &texts->each[first + lane < count ? first + lane : count - 1];
        most = last_block(lanes[lane]) > most ? last_block(lanes[lane]) : most;
    }
    for (size_t number = 0; number <= most; number++) {
        const uint8_t *blocks[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            size_t last = last_block(lanes[lane]), end = (number + 1) * BLOCK;
            blocks[lane] = texts->bytes + lanes[lane]->begin + BLOCK * (number < last ? number : last);
            hash.length[lane] = salted->length[lane] + (number < last ? end : lanes[lane]->size);
            hash.last[lane] = number == last ? ~(uint64_t)0 : 0;
        }
        compress(&hash, blocks);
        for (int lane = 0; lane < LANES && first + lane < count; lane++) {
            if (number == last_block(lanes[lane])) {
                uint8_t *key = notes + NOTE_BYTES * (first + lane);
                for (int index = 0; index < KEY_BYTES; index++) {
                    key[index] = (uint8_t)(hash.state[0][lane] >> 8 * index);
                }
            }
        }
    }
}

static int
make_room(Texts *texts, size_t size)
{
    if (texts->room - texts->used >= size) {
        return 0;
    }
    size_t room = 2 * (texts->used + size);
    uint8_t *bytes = PyMem_Realloc(texts->bytes, room);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    texts->bytes = bytes;
    texts->room = room;
    return 0;
}

static int
add(Texts *texts, const char *bytes, size_t size)
{
    if (make_room(texts, size) < 0) {
        return -1;
    }
    memcpy(texts->bytes + texts->used, bytes, size);
    texts->used += size;
    return 0;
}

/* Add a text in UTF-8, as `text.encode("utf-8", "surrogatepass")` has it. Return -1 with an exception if it is none. */
static int
add_text(Texts *texts, PyObject *text)
{
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes != NULL) {
        return add(texts, bytes, (size_t)size);
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        return -1;
    }
    PyErr_Clear();
    PyObject *encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    char *own;
    int added = -1;
    if (encoded != NULL && PyBytes_AsStringAndSize(encoded, &own, &size) == 0) {
        added = add(texts, own, (size_t)size);
    }
    Py_XDECREF(encoded);
    return added;
}

/* Add the part that all purchases of a customer have in common. */
static int
add_customer(Texts *texts, PyObject *customer)
{
    Py_ssize_t length = PyUnicode_GetLength(customer);
    if (length < 0) {
        return -1;
    }
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%lld ", (long long)length);
    if (add(texts, digits, (size_t)count) < 0 || add_text(texts, customer) < 0) {
        return -1;
    }
    return add(texts, " ", 1);
}

/* Add the text of a purchase, which begins with the `size` bytes at `begin`: it may be where they are, or behind. */
static int
add_purchase(Texts *texts, size_t begin, size_t size, PyObject *purchase, Text *text)
{
    text->begin = texts->used;
    if (make_room(texts, size) < 0) {
        return -1;
    }
    memmove(texts->bytes + texts->used, texts->bytes + begin, size);
    texts->used += size;
    if (add_text(texts, purchase) < 0 || make_room(texts, BLOCK) < 0) {
        return -1;
    }
    text->size = texts->used - text->begin;
    size_t rest = (last_block(text) + 1) * BLOCK - text->size;
    memset(texts->bytes + texts->used, 0, rest);
    texts->used += rest;
    return 0;
}

/* The notes. */

static int
write_content(PyObject *content, uint8_t *note)
{
    unsigned long number = PyLong_AsUnsignedLong(content);
    if (number == (unsigned long)-1 && PyErr_Occurred()) {
        return -1;
    }
    if (number > 0xFFFFFFFFUL) {
        PyErr_SetString(PyExc_OverflowError, "a content has more than 32 bits");
        return -1;
    }
    for (int index = 0; index < CONTENT_BYTES; index++) {
        note[KEY_BYTES + index] = (uint8_t)(number >> 8 * (CONTENT_BYTES - 1 - index));
    }
    return 0;
}

typedef struct {
    PyObject *customers, *items, *purchases, *contents;
} Columns;

/* Gather the texts of all purchases, and write the contents of their notes. Return -1 with an exception if the columns
 * are not of one length. */
static int
gather(Texts *texts, const Columns *columns, Py_ssize_t count, uint8_t *notes)
{
    Py_ssize_t customers = PyList_Size(columns->customers), done = 0;
    for (Py_ssize_t index = 0; index < customers && index < PyList_Size(columns->items); index++) {
        PyObject *customer = PyList_GetItem(columns->customers, index);
        Py_ssize_t items = PyLong_AsSsize_t(PyList_GetItem(columns->items, index));
        if (items == -1 && PyErr_Occurred()) {
            return -1;
        }
        size_t begin = texts->used;
        if (add_customer(texts, customer) < 0) {
            return -1;
        }
        size_t size = texts->used - begin;
        texts->used = begin;
        for (; items > 0 && done < count; items--, done++) {
            PyObject *purchase = PyList_GetItem(columns->purchases, done);
            PyObject *content = PyList_GetItem(columns->contents, done);
            if (purchase == NULL || content == NULL) {
                return -1;
            }
            if (add_purchase(texts, begin, size, purchase, &texts->each[done]) < 0) {
                return -1;
            }
            if (write_content(content, notes + NOTE_BYTES * done) < 0) {
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
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(made);
    Texts texts = {.each = PyMem_Calloc((size_t)count + 1, sizeof(Text))};
    int gathered = -1;
    if (texts.each == NULL) {
        PyErr_NoMemory();
    } else {
        gathered = gather(&texts, &columns, count, bytes);
    }
    if (gathered == 0) {
        Py_BEGIN_ALLOW_THREADS
        Hash salted;
        begin(&salted, salt, (size_t)size);
        for (Py_ssize_t first = 0; first < count; first += LANES) {
            write_keys(&salted, &texts, first, count, bytes);
        }
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(texts.bytes);
    PyMem_Free(texts.each);
    if (gathered < 0) {
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

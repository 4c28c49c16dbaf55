/* _prover: prove lines of NDJSON clean, so that most of them need not be decoded.
 *
 * THEORY OF OPERATION
 *
 * The validator of this package is msgspec's typed decoder with what stands around it (core/reading/decode.py). It is
 * the law. This file is a shortcut to its most frequent result: "an entry as it is". A prover reads the bytes of a line
 * once, beside a schema, and makes no objects. It either says *clean*, or it *doubts*:
 *
 *   clean   the validator takes the line as an entry as it is, with this customer, this number of items, this email
 *           (of a customer), and these signs (of events, see core/reading/purchases.py);
 *   doubt   nothing is known. The validator looks at the line, as it would without this file.
 *
 * So a prover may doubt as much as it likes, and it does where that is simpler than being exact: at escapes in a
 * customer's id, at numbers of many digits, at dates outside of the years 1000 to 9999, at \r between two fields. Being
 * wrong in the other direction is the one thing that it must never be. Three rules follow:
 *
 *   1. What is not known to be right is doubted. Every function here returns NULL for doubt, and every caller returns
 *      NULL then.
 *   2. There is one schema. It comes from the msgspec types, by `msgspec.inspect` (core/reading/prover.py): a tree of
 *      tuples, which `node_build` copies into `Node`s. No name of a field is written in this file.
 *   3. The grammar is RFC 8259 or narrower. Of everything that parsers differ about, nothing is clean: a known field
 *      twice in its object, bytes that are not UTF-8, control characters in a string, lone surrogates, leading zeros.
 *
 * HOW A LINE IS READ
 *
 * A recursive descent: `read_value` reads what a node describes; `read_struct` the fields of an object in any order;
 * `skip_value` a value that no field of the schema describes, or the inside of a free-form object. All of them get the
 * position `p` and return the position behind what they have read. No byte at or behind `call->end` is ever read: the
 * text need not end with a NUL, and each comparison of several bytes first checks that they are there.
 *
 * Strings are most of the text. They are searched 16 bytes at a time for the first byte that is not plain (SSE2), or
 * byte by byte where there is no SSE2, or if a prover was made with `plain` (tests and fuzzers compare the two).
 *
 * The fields of most objects come in the same order, line after line. For each field a guess is kept of the field that
 * comes next, so that its name is compared with one name instead of all. Only speed depends on guesses.
 *
 * While lines are read, a *call* notes, through the `role` of some nodes, where ids and emails begin, how many items
 * there are, and of each event what signs it. From these notes Python objects are made afterwards.
 *
 * MEMORY AND THREADS
 *
 * `prove` holds a reference to each line, then reads them without the GIL. `prove_text` holds a whole block, and finds
 * the lines in it by itself, so that another thread can do all of that while Python goes on. Nothing that they write
 * without the GIL is shared: they have a `Call` of their own, also with their own copy of the guesses, which goes back
 * to the prover under the GIL. The schema does not change after it is built. Every allocation is checked. Lines get one
 * array; signs of events get another, which grows; both are freed on every way out. Depth is bounded by MOST_DEPTH, so
 * the stack is, too.
 *
 * LOOKING AT LINES
 *
 * The checks over all files look at valid lines once more. A prover that is made with `look` asks more of a line, and
 * takes the notes that these checks need: see _look.h, _notes.h and _hash.h, which are parts of this file.
 *
 * It is built for the stable ABI of Python 3.11 (one binary for all later versions).
 */
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Raise it, and the one in prover.py, whenever lines are proved in another way, or more is asked or returned: whoever
 * updates a checkout may still have the extension that was built before. */
#define INTERFACE 5

#define MOST_FIELDS 64 /* of one struct: which ones came is noted in the bits of a uint64_t */
#define MOST_DEPTH 32  /* of objects and lists inside each other; msgspec takes hundreds */
#define MOST_DIGITS 40 /* of a number before its point, and behind it */
#define UUID_LENGTH 36
#define LITTLE 16384 /* bytes that are proved with the GIL: whoever gives it away may wait long to get it back */

/* What a prover that looks at lines (_look.h) takes note of: */
#define MOST_REWARDS 64       /* in one call; there are few in an export */
#define MOST_BALANCES 32      /* on one line */
#define MOST_EMAIL 320        /* bytes; no mail server takes longer ones */
#define MOST_EXACT_DIGITS 16  /* of a number; a double does not tell all longer ones apart */
#define MOST_EXACT_PRICE 1e9  /* so that sums of prices are right to the cent, however they are rounded */
#define MOST_SUM ((int64_t)1 << 61)

typedef const uint8_t *Text;

/* ---- The schema -------------------------------------------------------------------------------------------------- */

/* The values of these three are written in core/reading/prover.py as well; a test compares them. */
enum Kind {
    KIND_TEXT,
    KIND_UUID,
    KIND_NUMBER,
    KIND_BOOLEAN,
    KIND_DATE,
    KIND_ONE_OF, /* one of some texts, byte for byte */
    KIND_OBJECT, /* free-form */
    KIND_LIST,
    KIND_STRUCT, /* an object with fields that the schema names, and maybe others */
    KIND_ANY     /* any value; which of these are on a line is noted, if lines are looked at */
};
enum Role {
    ROLE_NONE,
    ROLE_CUSTOMER, /* the text that is the customer's id */
    ROLE_EMAIL,
    ROLE_ITEMS, /* the list whose length is the number of items */
    ROLE_EVENT, /* a struct that gets a sign; the other roles are of fields in it */
    ROLE_PURCHASE,
    ROLE_TYPE,
    ROLE_VALUE,
    ROLE_PAID,
    ROLE_PRODUCTS,
    ROLE_ISSUED,
    /* Of these, a prover takes note only if it looks at lines. */
    ROLE_NAME,
    ROLE_REGISTERED,
    ROLE_BIRTH,
    ROLE_BALANCES, /* the list */
    ROLE_BALANCE,
    ROLE_TRANSACTION,
    ROLE_REWARD,
    ROLE_AMOUNT,
    ROLE_BALANCE_ISSUED,
    ROLE_EXPIRES,
    ROLE_RESOLVED,
    ROLE_PRODUCT,
    ROLE_UNITS,
    ROLE_UNIT_VALUE,
    ROLE_UNIT_PAID,
    ROLE_SHIPPING,
    ROLE_SHIPPING_VALUE,
    ROLE_SHIPPING_PAID,
    ROLES
};
#define HAS(role) ((uint32_t)1 << (role))
_Static_assert(ROLES <= 32, "a union of HAS(role) has 32 bits");

enum Sign { SIGN_NEGATIVE = 1, SIGN_ZERO = 2, SIGN_POSITIVE = 4, SIGN_ANY = 7 };

typedef struct Node Node;

typedef struct {
    uint8_t *bytes;
    Py_ssize_t length;
} Bytes;

typedef struct {
    Bytes quoted; /* the name with its quotes, as it is in the text */
    int required;
    Node *node;
} Field;

struct Node {
    enum Kind kind;
    enum Role role;
    int nullable;
    int not_empty; /* TEXT, LIST */
    int signs;     /* NUMBER: the signs that it may have, a union of `enum Sign` */
    uint64_t mark; /* ANY: one bit */
    /* ONE_OF: the texts that the value may be, quotes included */
    Bytes *choices;
    int choice_count;
    /* LIST */
    Node *item;
    /* STRUCT */
    Field *fields;
    int field_count;
    uint64_t required;
    int first_guess; /* where its guesses begin: of the field that comes first, then of the one behind each field */
    /* STRUCT that is a union told apart by a tag: one field is the tag, and the signs of one number depend on it. */
    int tag_field, number_field; /* -1: no union */
    uint8_t *tag_signs;          /* by tag */
};

/* What a prover looks for beyond validity. Moments are microseconds since 1970. */
typedef struct {
    long long earliest, latest; /* of dates that are usual */
    long long first_birth;      /* of dates of birth that are usual */
    Bytes purchase;             /* the type of event whose value is the sum of its products */
    Bytes *nothing;             /* names that mean "no name", in lower case */
    int nothing_count;
    /* Tags of notes: of a line, without a balance, of a further reward, of an email or an event. */
    long long tag, bare, more, item;
} Look;

typedef struct {
    PyObject_HEAD
    Node *root;
    uint8_t *guesses;
    int guess_count;
    Py_ssize_t most_items; /* a record with more is doubted */
    int reject_unknown;    /* a field that a struct does not have is doubted */
    int plain;             /* do without SSE2 */
    Look *look;            /* NULL: it only proves lines valid */
} Prover;

static void bytes_free(Bytes *all, int count)
{
    for (int i = 0; all != NULL && i < count; i++)
        free(all[i].bytes);
    free(all);
}

static void node_free(Node *node)
{
    if (node == NULL)
        return;
    bytes_free(node->choices, node->choice_count);
    node_free(node->item);
    for (int i = 0; node->fields != NULL && i < node->field_count; i++) {
        free(node->fields[i].quoted.bytes);
        node_free(node->fields[i].node);
    }
    free(node->fields);
    free(node->tag_signs);
    free(node);
}

/* Allocate an array of zeros; sets MemoryError. An array of nothing is not NULL. */
static void *new_array(Py_ssize_t count, size_t size)
{
    void *made = calloc(count > 0 ? (size_t)count : 1, size);
    if (made == NULL)
        PyErr_NoMemory();
    return made;
}

static int bytes_copy(PyObject *from, Bytes *to)
{
    char *found;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(from, &found, &length) < 0)
        return 0;
    if ((to->bytes = new_array(length, 1)) == NULL)
        return 0;
    memcpy(to->bytes, found, (size_t)length);
    to->length = length;
    return 1;
}

/* Copy a tuple of bytes. What was copied before an error is freed by whoever owns `copied`. */
static int texts_build(PyObject *texts, Bytes **copied, int *copied_count)
{
    Py_ssize_t count = PyTuple_Size(texts);
    if (count < 0)
        return 0;
    if (count < 1 || count > 100) {
        PyErr_SetString(PyExc_ValueError, "one to a hundred texts");
        return 0;
    }
    if ((*copied = new_array(count, sizeof(Bytes))) == NULL)
        return 0;
    *copied_count = (int)count;
    for (int i = 0; i < *copied_count; i++) {
        if (!bytes_copy(PyTuple_GetItem(texts, i), &(*copied)[i]))
            return 0;
        if ((*copied)[i].length == 0) {
            PyErr_SetString(PyExc_ValueError, "a text is empty");
            return 0;
        }
    }
    return 1;
}

static void look_free(Look *look)
{
    if (look == NULL)
        return;
    free(look->purchase.bytes);
    bytes_free(look->nothing, look->nothing_count);
    free(look);
}

/* (earliest, latest, first birth, type of a purchase, names for nothing, (tags)). Return NULL with an exception set. */
static Look *look_build(PyObject *described)
{
    PyObject *purchase, *nothing;
    Look *look = new_array(1, sizeof(Look));
    if (look == NULL)
        return NULL;
    if (PyArg_ParseTuple(described, "LLLSO(LLLL)", &look->earliest, &look->latest, &look->first_birth, &purchase,
                         &nothing, &look->tag, &look->bare, &look->more, &look->item)
        && bytes_copy(purchase, &look->purchase) && texts_build(nothing, &look->nothing, &look->nothing_count))
        return look;
    look_free(look);
    return NULL;
}

static Node *node_build(PyObject *described, int *guess_count, int depth);

/* ((quoted name, required, node), …), None or (index of the tag, index of the number, (signs by tag, …)) */
static int struct_build(Node *node, PyObject *payload, int *guess_count, int depth)
{
    PyObject *fields, *by_tag, *signs;
    if (!PyArg_ParseTuple(payload, "O!O", &PyTuple_Type, &fields, &by_tag))
        return 0;
    Py_ssize_t count = PyTuple_Size(fields);
    if (count < 1 || count > MOST_FIELDS) {
        PyErr_SetString(PyExc_ValueError, "a struct has one to 64 fields");
        return 0;
    }
    if ((node->fields = new_array(count, sizeof(Field))) == NULL)
        return 0;
    node->field_count = (int)count;
    node->first_guess = *guess_count;
    *guess_count += node->field_count + 1;
    for (int i = 0; i < node->field_count; i++) {
        Field *field = &node->fields[i];
        PyObject *quoted, *described;
        if (!PyArg_ParseTuple(PyTuple_GetItem(fields, i), "SpO", &quoted, &field->required, &described))
            return 0;
        if (!bytes_copy(quoted, &field->quoted))
            return 0;
        if ((field->node = node_build(described, guess_count, depth + 1)) == NULL)
            return 0;
        if (field->required)
            node->required |= (uint64_t)1 << i;
    }
    if (by_tag == Py_None)
        return 1;
    if (!PyArg_ParseTuple(by_tag, "iiO!", &node->tag_field, &node->number_field, &PyTuple_Type, &signs))
        return 0;
    if (node->tag_field < 0 || node->tag_field >= count || node->number_field < 0 || node->number_field >= count
        || node->fields[node->tag_field].node->kind != KIND_ONE_OF
        || node->fields[node->tag_field].node->choice_count != PyTuple_Size(signs)
        || node->fields[node->number_field].node->kind != KIND_NUMBER
        || !node->fields[node->tag_field].required || !node->fields[node->number_field].required
        || node->fields[node->tag_field].node->nullable || node->fields[node->number_field].node->nullable) {
        PyErr_SetString(PyExc_ValueError, "a tag and a number that depends on it, both required and never null");
        return 0;
    }
    if ((node->tag_signs = new_array(PyTuple_Size(signs), 1)) == NULL)
        return 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(signs); i++) {
        long allowed = PyLong_AsLong(PyTuple_GetItem(signs, i));
        if (allowed == -1 && PyErr_Occurred())
            return 0;
        node->tag_signs[i] = (uint8_t)(allowed & SIGN_ANY);
    }
    return 1;
}

/* (kind, role, nullable, payload). Return NULL with an exception set if it is not a schema. */
static Node *node_build(PyObject *described, int *guess_count, int depth)
{
    int kind, role, nullable, built = 1;
    PyObject *payload, *inner;
    if (depth > MOST_DEPTH) {
        PyErr_SetString(PyExc_ValueError, "the schema is nested too deeply");
        return NULL;
    }
    if (!PyTuple_Check(described)) {
        PyErr_SetString(PyExc_TypeError, "a node is a tuple");
        return NULL;
    }
    if (!PyArg_ParseTuple(described, "iipO", &kind, &role, &nullable, &payload))
        return NULL;
    if (role < 0 || role >= ROLES) {
        PyErr_SetString(PyExc_ValueError, "no such role");
        return NULL;
    }
    Node *node = new_array(1, sizeof(Node));
    if (node == NULL)
        return NULL;
    node->kind = (enum Kind)kind;
    node->role = (enum Role)role;
    node->nullable = nullable;
    node->tag_field = node->number_field = -1;
    switch (kind) {
    case KIND_TEXT:
        node->not_empty = PyObject_IsTrue(payload);
        built = node->not_empty >= 0;
        break;
    case KIND_NUMBER:
        node->signs = (int)PyLong_AsLong(payload);
        built = !PyErr_Occurred();
        break;
    case KIND_UUID:
    case KIND_BOOLEAN:
    case KIND_DATE:
    case KIND_OBJECT:
        break;
    case KIND_ANY:
        node->mark = PyLong_AsUnsignedLongLong(payload);
        built = !PyErr_Occurred();
        break;
    case KIND_ONE_OF:
        built = texts_build(payload, &node->choices, &node->choice_count);
        break;
    case KIND_LIST:
        built = PyArg_ParseTuple(payload, "pO", &node->not_empty, &inner)
                && (node->item = node_build(inner, guess_count, depth + 1)) != NULL;
        break;
    case KIND_STRUCT:
        built = struct_build(node, payload, guess_count, depth);
        break;
    default:
        PyErr_SetString(PyExc_ValueError, "no such kind of node");
        built = 0;
    }
    if (!built) {
        node_free(node);
        return NULL;
    }
    return node;
}

/* ---- What a call notes ------------------------------------------------------------------------------------------- */

typedef struct {
    Text begin, end;
    Text customer; /* NULL: the line is doubted */
    Text email;
    Py_ssize_t customer_length, email_length;
    Py_ssize_t items;
    Py_ssize_t signs; /* of the call, its own ones included */
    /* The rest is noted if lines are looked at. Moments are microseconds since 1970. */
    int64_t first, last; /* of its items, or of its registration */
    int64_t latest;      /* of all its dates that may be in the future */
    int64_t hour;        /* of `first`; see `hour_number` in core/checks/note_format.py */
    int64_t value, paid; /* of its orders, in millionths */
    int sums, balances;  /* the number of different rewards, and of lines of a balance */
    int has_balance, has_zero;
    uint64_t marks; /* of the values of any kind */
    int64_t where, offset; /* source and line in one number, and the offset in the source */
} Line;

typedef struct {
    Text purchase;
    Py_ssize_t purchase_length;
    uint32_t content;
} EventSign;

typedef struct {
    Text text;
    Py_ssize_t length;
} Span;

typedef struct {
    int64_t seconds; /* day 1 is 0001-01-01 in UTC */
    int64_t moment;  /* microseconds since 1970 */
    int64_t hour;    /* see `Line` */
} Date;

/* What a line has of one reward, in millionths. */
typedef struct {
    int reward; /* index among those of the call */
    int64_t earned, spent;
} Sum;

typedef struct {
    Text text;       /* its id as it is spelt first */
    Py_ssize_t line; /* the index of the line where it is first */
    int64_t earned, spent;
} Reward;

typedef struct {
    int reward, expires;
    int64_t moment; /* when it expires */
} Balance;

/* A note, and what is known of all lines that are looked at: see _notes.h. */
typedef struct {
    int64_t key, tag, value, where, offset, hour_and_length;
} Note;

typedef struct {
    uint64_t marks; /* of all lines */
    Py_ssize_t records, items;
    int64_t first, last, latest; /* as in `Line` */
    Py_ssize_t first_line, last_line, latest_line;
} Totals;

typedef struct {
    const Prover *prover;
    Text end; /* of the line */
    Line *line;
    uint8_t *guesses;
    /* What was read last; the reader of a struct takes it from here. */
    int choice;
    int sign;
    uint64_t digits; /* of a number, without its point: the first twenty */
    int power;       /* of ten, by which they are multiplied */
    double number;
    Date date;
    /* The event that is being read. */
    Span purchase, type;
    double value, paid;
    Py_ssize_t products;
    Date issued; /* also of a transaction or a balance */
    Span last_type; /* of an event that got a sign, and its CRC; 0 bytes have CRC 0 */
    uint32_t last_crc;
    /* The signs of all events read. */
    EventSign *signs;
    Py_ssize_t sign_count, sign_room;
    int no_memory;
    /* The rest is for looking at lines. */
    uint32_t present; /* what the objects that are being read have, of what they need not have: a union of HAS(role) */
    Date resolved, expires;
    Text reward;
    int64_t amount, value_millionths, paid_millionths;
    double units, unit_value, unit_paid, order_total, order_units, shipping_value, shipping_paid;
    Balance balances[MOST_BALANCES]; /* of the line */
    Reward rewards[MOST_REWARDS];
    int reward_count;
    Sum *sums; /* of all lines */
    Py_ssize_t sum_count, sum_room;
    int64_t value_total, paid_total; /* of all orders */
    Py_ssize_t index;                /* of the line */
    Note *notes;
    Py_ssize_t note_count, note_room;
} Call;

/* ---- Characters and strings -------------------------------------------------------------------------------------- */

static const uint8_t HEX[256] = { /* the value of a hexadecimal digit, plus one */
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static inline int is_digit(uint8_t c) { return (uint8_t)(c - '0') <= 9; }

static inline int at(Text p, Text end, uint8_t c) { return p < end && *p == c; }

/* `memcmp` for equality, without a call for the lengths that names have: the first bytes and the last ones, which may
 * overlap. */
static inline int same_bytes(const void *one, const void *other, Py_ssize_t length)
{
    uint64_t words[4];
    uint32_t halves[4];
    Text p = one, q = other;
    if (length >= 8) {
        memcpy(&words[0], p, 8);
        memcpy(&words[1], q, 8);
        memcpy(&words[2], p + length - 8, 8);
        memcpy(&words[3], q + length - 8, 8);
        return words[0] == words[1] && words[2] == words[3]
               && (length <= 16 || memcmp(p + 8, q + 8, (size_t)length - 16) == 0);
    }
    if (length < 4) {
        for (; length > 0 && *p == *q; p++, q++)
            length--;
        return length == 0;
    }
    memcpy(&halves[0], p, 4);
    memcpy(&halves[1], q, 4);
    memcpy(&halves[2], p + length - 4, 4);
    memcpy(&halves[3], q + length - 4, 4);
    return halves[0] == halves[1] && halves[2] == halves[3];
}

static inline int has(Text p, Text end, const void *text, Py_ssize_t length)
{
    return end - p >= length && same_bytes(p, text, length);
}

/* White space as RFC 8259 has it, but without \r, which in a line is odd enough to be doubted. */
static inline Text skip_space(Text p, Text end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* One character of several bytes (Unicode 15, table 3-7). */
static Text read_utf8(Text p, Text end)
{
    Py_ssize_t left = end - p;
    uint8_t first = p[0];
    if (first < 0xC2 || first > 0xF4)
        return NULL;
    int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if (left <= more)
        return NULL;
    for (int i = 1; i <= more; i++)
        if ((p[i] & 0xC0) != 0x80)
            return NULL;
    if ((first == 0xE0 && p[1] < 0xA0) || (first == 0xED && p[1] > 0x9F) /* overlong, surrogate */
        || (first == 0xF0 && p[1] < 0x90) || (first == 0xF4 && p[1] > 0x8F)) /* overlong, beyond U+10FFFF */
        return NULL;
    return p + 1 + more;
}

/* Four hexadecimal digits; -1 if they are not there. */
static int read_hex4(Text p, Text end)
{
    if (end - p < 4 || !HEX[p[0]] || !HEX[p[1]] || !HEX[p[2]] || !HEX[p[3]])
        return -1;
    return (HEX[p[0]] - 1) << 12 | (HEX[p[1]] - 1) << 8 | (HEX[p[2]] - 1) << 4 | (HEX[p[3]] - 1);
}

/* An escape, from its backslash on. Where an escape could hide something (in names, ids, dates), the caller doubts. */
static Text read_escape(Text p, Text end)
{
    if (end - p < 2)
        return NULL;
    switch (p[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;
    case 'u':
        break;
    default:
        return NULL;
    }
    int unit = read_hex4(p + 2, end);
    if (unit < 0)
        return NULL;
    p += 6;
    if (unit < 0xD800 || unit > 0xDFFF)
        return p;
    if (unit > 0xDBFF || end - p < 6 || p[0] != '\\' || p[1] != 'u') /* a surrogate without its other half */
        return NULL;
    unit = read_hex4(p + 2, end);
    return unit >= 0xDC00 && unit <= 0xDFFF ? p + 6 : NULL;
}

/* The first byte from `p` on that is not a plain character of a string: a quote, a backslash, a control character, or
 * not ASCII. Returns `end` if there is none. */
static inline Text find_special(Text p, Text end, int plain)
{
#if defined(__SSE2__)
    while (!plain && end - p >= 16) {
        __m128i some = _mm_loadu_si128((const __m128i *)p);
        /* Bytes are compared as signed numbers: those from 0x80 on are negative, so less than 0x20, too. */
        __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(some, _mm_set1_epi8('"')),
                                                  _mm_cmpeq_epi8(some, _mm_set1_epi8('\\'))),
                                     _mm_cmplt_epi8(some, _mm_set1_epi8(0x20)));
        int mask = _mm_movemask_epi8(found);
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
        p += 16;
    }
#else
    (void)plain;
#endif
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
        p++;
    return p;
}

static int has_long_digits(Text p, Py_ssize_t length);

/* A string, from behind its opening quote to behind its closing one. `escaped`: whether there was an escape. */
static Text read_string(const Call *call, Text p, int *escaped)
{
    Text begin = p, end = call->end;
    *escaped = 0;
    for (;;) {
        p = find_special(p, end, call->prover->plain);
        if (p >= end)
            return NULL;
        if (*p == '"') /* where amounts are noted, a text must not look like a number of many digits */
            return call->prover->look != NULL && has_long_digits(begin, p - begin) ? NULL : p + 1;
        if (*p == '\\') {
            *escaped = 1;
            p = read_escape(p, end);
        } else if (*p >= 0x80) {
            p = read_utf8(p, end);
        } else {
            return NULL; /* a control character */
        }
        if (p == NULL)
            return NULL;
    }
}

/* A string without escapes: its content is its bytes. */
static Text read_plain_string(const Call *call, Text p, Span *content)
{
    int escaped;
    if (!at(p, call->end, '"'))
        return NULL;
    Text behind = read_string(call, p + 1, &escaped);
    if (behind == NULL || escaped)
        return NULL;
    content->text = p + 1;
    content->length = behind - 1 - content->text;
    return behind;
}

/* ---- Numbers, dates, UUIDs --------------------------------------------------------------------------------------- */

/* The double that a number means. The quick way is exact (Clinger 1990): both operands are, and the one operation
 * rounds once. Otherwise the C library decides; where it is set to a language with a decimal comma, it does not read
 * all of the number, which is doubted. */
static int to_double(Text begin, Text behind, uint64_t digits, int power, double *number)
{
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#if FLT_EVAL_METHOD == 0
    if (digits <= (uint64_t)1 << 53 && power >= -22 && power <= 22) {
        double all = (double)digits;
        all = power < 0 ? all / POWERS[-power] : all * POWERS[power];
        *number = *begin == '-' ? -all : all;
        return 1;
    }
#else
    (void)digits, (void)power, (void)POWERS;
#endif
    char copy[2 * MOST_DIGITS + 8], *read;
    size_t length = (size_t)(behind - begin);
    if (length >= sizeof copy)
        return 0;
    memcpy(copy, begin, length);
    copy[length] = '\0';
    *number = strtod(copy, &read);
    return read == copy + length && isfinite(*number);
}

/* Digits, at least one and at most MOST_DIGITS; added to `digits` while there is room, which is far beyond 2^53. */
static Text read_digits(Text p, Text end, uint64_t *digits)
{
    Text begin = p;
    for (; p < end && is_digit(*p); p++)
        if (*digits <= (UINT64_MAX - 9) / 10)
            *digits = *digits * 10 + (uint64_t)(*p - '0');
    return p == begin || p - begin > MOST_DIGITS ? NULL : p;
}

/* A number that no parser reads in another way. Its exponent has two digits at most, so it is no infinity, and it is
 * zero only if all its digits are. `number` is set if it is wanted. */
static Text read_number(Call *call, Text p, int wanted)
{
    Text begin = p, end = call->end, fraction;
    uint64_t digits = 0;
    int power = 0;
    if (at(p, end, '-'))
        p++;
    if (at(p, end, '0')) {
        p++; /* a digit behind it is no part of the number, and nothing else can come there */
    } else if ((p = read_digits(p, end, &digits)) == NULL) {
        return NULL;
    }
    if (at(p, end, '.')) {
        fraction = ++p;
        if ((p = read_digits(p, end, &digits)) == NULL)
            return NULL;
        power = -(int)(p - fraction);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        int negative = at(p, end, '-'), exponent = 0;
        if (negative || at(p, end, '+'))
            p++;
        Text first = p;
        for (; p < end && is_digit(*p); p++) {
            if (p - first >= 2)
                return NULL;
            exponent = exponent * 10 + (*p - '0');
        }
        if (p == first)
            return NULL;
        power += negative ? -exponent : exponent;
    }
    call->sign = !digits ? SIGN_ZERO : *begin == '-' ? SIGN_NEGATIVE : SIGN_POSITIVE;
    call->digits = digits;
    call->power = power;
    if (call->prover->look != NULL && p - begin > MOST_EXACT_DIGITS)
        return NULL;
    if (wanted && !to_double(begin, p, digits, power, &call->number))
        return NULL;
    return p;
}

static inline unsigned two_digits(Text p, unsigned *bad)
{
    unsigned high = (unsigned)(p[0] - '0'), low = (unsigned)(p[1] - '0');
    *bad |= (high > 9) | (low > 9);
    return high * 10 + low;
}

/* The number of a day in the Gregorian calendar; 0001-01-01 is day 1, as in Python's `toordinal`. */
static int64_t day_number(unsigned year, unsigned month, unsigned day, int leap)
{
    static const uint16_t BEFORE[13] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t past = (int64_t)year - 1;
    return past * 365 + past / 4 - past / 100 + past / 400 + BEFORE[month] + (leap && month > 2) + day;
}

#define DAYS_UNTIL_1970 ((int64_t)719163)

/* A date-time of RFC 3339, from behind its opening quote to behind its closing one: upper-case T, Z or ±hh:mm, no leap
 * second. Early years are doubted, and in the last one zones that may lead beyond it. Of a fraction, a datetime has six
 * digits. */
static Text read_date(Call *call, Text p)
{
    static const uint8_t DAYS[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    Text end = call->end;
    unsigned bad = 0;
    if (end - p < 21) /* 2023-11-07T05:31:56Z" */
        return NULL;
    unsigned year = two_digits(p, &bad) * 100 + two_digits(p + 2, &bad);
    unsigned month = two_digits(p + 5, &bad), day = two_digits(p + 8, &bad);
    unsigned hour = two_digits(p + 11, &bad), minute = two_digits(p + 14, &bad), second = two_digits(p + 17, &bad);
    if (bad || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':')
        return NULL;
    if (year < 1000 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return NULL;
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > DAYS[month] + (unsigned)(leap && month == 2))
        return NULL;
    p += 19;
    int64_t micro = 0;
    if (at(p, end, '.')) {
        Text fraction = ++p;
        for (int64_t unit = 100000; p < end && is_digit(*p); p++, unit /= 10)
            micro += unit * (*p - '0');
        if (p == fraction || p - fraction > 9)
            return NULL;
        if (p - fraction > 6 /* may be rounded up: to the next second, or at least to another moment */
            && (call->prover->look != NULL || memcmp(fraction, "999999", 6) == 0))
            return NULL;
    }
    int64_t offset = 0; /* minutes */
    if (at(p, end, 'Z')) {
        p++;
    } else {
        if (end - p < 6 || (*p != '+' && *p != '-') || p[3] != ':')
            return NULL;
        unsigned hours = two_digits(p + 1, &bad), minutes = two_digits(p + 4, &bad);
        if (bad || hours > 23 || minutes > 59)
            return NULL;
        offset = (int64_t)(hours * 60 + minutes);
        if (*p == '-') {
            if (year == 9999) /* no zone leads beyond what a datetime can hold */
                return NULL;
            offset = -offset;
        }
        p += 6;
    }
    if (!at(p, end, '"'))
        return NULL;
    int64_t today = day_number(year, month, day, leap);
    call->date.seconds = today * 86400 + hour * 3600 + minute * 60 + second - offset * 60;
    call->date.moment = (call->date.seconds - DAYS_UNTIL_1970 * 86400) * 1000000 + micro;
    call->date.hour = today * 24 + hour - (offset >= 0 ? offset / 60 : -((59 - offset) / 60));
    return p + 1;
}

#if defined(__SSE2__)
/* Whether 16 bytes are hexadecimal digits, but for hyphens where `hyphens` has a bit. */
static inline int are_hex(Text p, int hyphens)
{
    __m128i some = _mm_loadu_si128((const __m128i *)p), folded = _mm_or_si128(some, _mm_set1_epi8(0x20));
    __m128i digits = _mm_and_si128(_mm_cmpgt_epi8(some, _mm_set1_epi8('0' - 1)),
                                   _mm_cmplt_epi8(some, _mm_set1_epi8('9' + 1)));
    __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(folded, _mm_set1_epi8('a' - 1)),
                                    _mm_cmplt_epi8(folded, _mm_set1_epi8('f' + 1)));
    int found = _mm_movemask_epi8(_mm_cmpeq_epi8(some, _mm_set1_epi8('-')));
    return (found & hyphens) == hyphens && (_mm_movemask_epi8(_mm_or_si128(digits, letters)) | hyphens) == 0xFFFF;
}
#endif

/* The text form of RFC 9562, from behind its opening quote to behind its closing one. */
static Text read_uuid(const Call *call, Text p)
{
    static const uint8_t LENGTHS[5] = {8, 4, 4, 4, 12};
    if (call->end - p < 37)
        return NULL;
#if defined(__SSE2__)
    if (!call->prover->plain) /* its hyphens are at 8, 13, 18 and 23 */
        return are_hex(p, 1 << 8 | 1 << 13) && are_hex(p + 16, 1 << 2 | 1 << 7) && are_hex(p + 20, 1 << 3)
                       && p[36] == '"'
                   ? p + 37
                   : NULL;
#endif
    for (int group = 0; group < 5; group++) {
        unsigned all = 1;
        for (int i = 0; i < LENGTHS[group]; i++)
            all &= HEX[p[i]] != 0;
        p += LENGTHS[group];
        if (!all || *p != (group < 4 ? '-' : '"'))
            return NULL;
        p++;
    }
    return p;
}

/* ---- Signs of events --------------------------------------------------------------------------------------------- */

/* CPython's hash of a float (`_Py_HashDouble` in Python/pyhash.c), for finite numbers: the value modulo 2^61 - 1. */
static uint64_t hash_double(double number)
{
    const uint64_t modulus = ((uint64_t)1 << 61) - 1;
    int exponent, negative = number < 0;
    double mantissa = frexp(negative ? -number : number, &exponent);
    uint64_t hash = 0;
    while (mantissa != 0) {
        hash = ((hash << 28) & modulus) | hash >> (61 - 28);
        mantissa *= 268435456.0; /* 2^28 */
        exponent -= 28;
        uint64_t part = (uint64_t)mantissa;
        mantissa -= (double)part;
        hash += part;
        if (hash >= modulus)
            hash -= modulus;
    }
    exponent = exponent >= 0 ? exponent % 61 : 60 - (-1 - exponent) % 61;
    hash = ((hash << exponent) & modulus) | hash >> (61 - exponent);
    if (negative)
        hash = (uint64_t)0 - hash;
    return hash == UINT64_MAX ? UINT64_MAX - 1 : hash;
}

/* CPython's hash of a tuple (`tuplehash` in Objects/tupleobject.c: xxHash), from the hashes of its items. */
static uint64_t hash_tuple(const uint64_t *hashes, int count)
{
    const uint64_t prime_1 = 11400714785074694791u, prime_2 = 14029467366897019727u, prime_5 = 2870177450012600261u;
    uint64_t all = prime_5;
    for (int i = 0; i < count; i++) {
        all += hashes[i] * prime_2;
        all = (all << 31 | all >> 33) * prime_1;
    }
    all += (uint64_t)count ^ (prime_5 ^ 3527539u);
    return all == UINT64_MAX ? 1546275796u : all;
}

/* `zlib.crc32`, four bits at a time: types of events are short, and mostly the same. */
static uint32_t crc32_of(Span text)
{
    static const uint32_t TABLE[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                       0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t crc = 0xFFFFFFFFu;
    for (Py_ssize_t i = 0; i < text.length; i++) {
        crc ^= text.text[i];
        crc = crc >> 4 ^ TABLE[crc & 15];
        crc = crc >> 4 ^ TABLE[crc & 15];
    }
    return ~crc;
}

/* The content of an event's sign: what `Signer.sign` in core/reading/purchases.py computes. */
static uint32_t content_of(uint32_t type, double value, double paid, Py_ssize_t products, int64_t issued)
{
    int64_t day = issued / 86400, second = issued % 86400;
    const uint64_t hashes[8] = {
        type,          hash_double(value),       hash_double(paid),           (uint64_t)products,
        (uint64_t)day, (uint64_t)(second / 3600), (uint64_t)(second / 60 % 60), (uint64_t)(second % 60),
    };
    return (uint32_t)(hash_tuple(hashes, 8) & 0xFFFFFF);
}

/* Make room in an array that is full. Returns NULL, and leaves the array as it is, if there is no memory. */
static void *grow(Call *call, void *array, Py_ssize_t *room, size_t size)
{
    Py_ssize_t more = *room ? 2 * *room : 256;
    void *grown = more > PY_SSIZE_T_MAX / (Py_ssize_t)size ? NULL : realloc(array, (size_t)more * size);
    if (grown == NULL)
        call->no_memory = 1;
    else
        *room = more;
    return grown;
}

/* Note the sign of the event that was read. */
static int add_sign(Call *call)
{
    if (call->sign_count == call->sign_room) {
        EventSign *grown = grow(call, call->signs, &call->sign_room, sizeof(EventSign));
        if (grown == NULL)
            return 0;
        call->signs = grown;
    }
    EventSign *sign = &call->signs[call->sign_count++];
    sign->purchase = call->purchase.text;
    sign->purchase_length = call->purchase.length;
    if (call->type.length != call->last_type.length
        || !same_bytes(call->type.text, call->last_type.text, call->type.length)) {
        call->last_crc = crc32_of(call->type);
        call->last_type = call->type; /* the line lives as long as the call */
    }
    sign->content = content_of(call->last_crc, call->value, call->paid, call->products,
                               call->issued.seconds);
    return 1;
}

#include "_look.h"
#include "_hash.h"

/* ---- Values ------------------------------------------------------------------------------------------------------ */

/* Any value: of a field that the schema does not have, or inside a free-form object. */
static Text skip_value(Call *call, Text p, int depth)
{
    Text end = call->end;
    int escaped, object;
    if (p >= end)
        return NULL;
    switch (*p) {
    case '"':
        return read_string(call, p + 1, &escaped);
    case 't':
        return has(p, end, "true", 4) ? p + 4 : NULL;
    case 'f':
        return has(p, end, "false", 5) ? p + 5 : NULL;
    case 'n':
        return has(p, end, "null", 4) ? p + 4 : NULL;
    case '{':
    case '[':
        break;
    default:
        return read_number(call, p, 0);
    }
    if (depth >= MOST_DEPTH)
        return NULL;
    object = *p == '{';
    p = skip_space(p + 1, end);
    if (at(p, end, object ? '}' : ']'))
        return p + 1;
    for (;;) {
        if (object) {
            if (!at(p, end, '"') || (p = read_string(call, p + 1, &escaped)) == NULL)
                return NULL;
            p = skip_space(p, end);
            if (!at(p, end, ':'))
                return NULL;
            p = skip_space(p + 1, end);
        }
        if ((p = skip_value(call, p, depth + 1)) == NULL)
            return NULL;
        p = skip_space(p, end);
        if (at(p, end, object ? '}' : ']'))
            return p + 1;
        if (!at(p, end, ','))
            return NULL;
        p = skip_space(p + 1, end);
    }
}

static Text read_value(Call *call, const Node *node, Text p, int depth);

static Text read_text(Call *call, const Node *node, Text p)
{
    int escaped;
    Span content;
    if (node->role == ROLE_NONE) {
        if (!at(p, call->end, '"'))
            return NULL;
        Text behind = read_string(call, p + 1, &escaped);
        return behind != NULL && node->not_empty && behind == p + 2 ? NULL : behind;
    }
    const Look *look = call->prover->look;
    if (node->role == ROLE_NAME) { /* only a prover that looks asks for it */
        if (look == NULL || !at(p, call->end, '"') || (p = read_string(call, (content.text = p + 1), &escaped)) == NULL)
            return NULL;
        content.length = p - 1 - content.text;
        return is_real_name(look, content) ? p : NULL;
    }
    if ((p = read_plain_string(call, p, &content)) == NULL || (node->not_empty && content.length == 0))
        return NULL;
    switch (node->role) {
    case ROLE_CUSTOMER:
        call->line->customer = content.text;
        call->line->customer_length = content.length;
        return look == NULL || is_trimmed(content) ? p : NULL;
    case ROLE_EMAIL:
        call->line->email = content.text;
        call->line->email_length = content.length;
        return look == NULL || is_email(content) ? p : NULL;
    case ROLE_PURCHASE:
        call->purchase = content;
        return p;
    case ROLE_TYPE:
        call->type = content;
        return p;
    default:
        return NULL; /* no text has another role */
    }
}

static Text read_choice(Call *call, const Node *node, Text p)
{
    for (int i = 0; i < node->choice_count; i++) {
        const Bytes *choice = &node->choices[i];
        if (has(p, call->end, choice->bytes, choice->length)) {
            call->choice = i;
            return p + choice->length;
        }
    }
    return NULL;
}

static Text read_list(Call *call, const Node *node, Text p, int depth)
{
    Text end = call->end;
    Py_ssize_t count = 0;
    if (!at(p, end, '[') || depth >= MOST_DEPTH)
        return NULL;
    p = skip_space(p + 1, end);
    if (at(p, end, ']')) {
        if (node->not_empty)
            return NULL;
    } else {
        for (;;) {
            if ((p = read_value(call, node->item, p, depth + 1)) == NULL)
                return NULL;
            count++;
            p = skip_space(p, end);
            if (at(p, end, ']'))
                break;
            if (!at(p, end, ','))
                return NULL;
            p = skip_space(p + 1, end);
        }
    }
    if (node->role == ROLE_ITEMS)
        call->line->items = count;
    else if (node->role == ROLE_PRODUCTS)
        call->products = count;
    else if (node->role == ROLE_BALANCES)
        call->line->has_balance = 1;
    return p + 1;
}

/* The field whose name is at `p`, or the number of fields; `guess` is looked at first, then those behind it. */
static int find_field(const Call *call, const Node *node, Text p, int guess)
{
    int i = guess < node->field_count ? guess : 0;
    for (int tried = 0; tried < node->field_count; tried++) {
        const Bytes *quoted = &node->fields[i].quoted;
        if (has(p, call->end, quoted->bytes, quoted->length))
            return i;
        if (++i == node->field_count)
            i = 0;
    }
    return node->field_count;
}

/* A field that the schema does not have. Its name is plain: an escape could spell the name of another field. */
static Text skip_unknown_field(Call *call, Text p, int depth)
{
    Span name;
    if (call->prover->reject_unknown || (p = read_plain_string(call, p, &name)) == NULL)
        return NULL;
    p = skip_space(p, call->end);
    if (!at(p, call->end, ':'))
        return NULL;
    return skip_value(call, skip_space(p + 1, call->end), depth);
}

static Text read_struct(Call *call, const Node *node, Text p, int depth)
{
    Text end = call->end;
    uint8_t *guesses = call->guesses + node->first_guess;
    uint64_t seen = 0;
    int previous = 0, tag = -1, sign = 0; /* `previous`: 1 more than the index of the field before, 0 at first */
    if (!at(p, end, '{') || depth >= MOST_DEPTH)
        return NULL;
    begin_object(call, node->role);
    p = skip_space(p + 1, end);
    int empty = at(p, end, '}');
    while (!empty) {
        if (!at(p, end, '"'))
            return NULL;
        int i = find_field(call, node, p, guesses[previous]);
        if (i < node->field_count) {
            const Field *field = &node->fields[i];
            guesses[previous] = (uint8_t)i;
            if (seen >> i & 1)
                return NULL;
            seen |= (uint64_t)1 << i;
            p = skip_space(p + field->quoted.length, end);
            if (!at(p, end, ':'))
                return NULL;
            p = skip_space(p + 1, end);
            if ((p = read_value(call, field->node, p, depth + 1)) == NULL)
                return NULL;
            if (i == node->tag_field)
                tag = call->choice;
            else if (i == node->number_field)
                sign = call->sign;
            previous = i + 1;
        } else if ((p = skip_unknown_field(call, p, depth + 1)) == NULL) {
            return NULL;
        }
        p = skip_space(p, end);
        if (at(p, end, '}'))
            break;
        if (!at(p, end, ','))
            return NULL;
        p = skip_space(p + 1, end);
    }
    if ((seen & node->required) != node->required)
        return NULL;
    if (node->tag_signs != NULL && (tag < 0 || !(node->tag_signs[tag] & sign)))
        return NULL;
    if (call->prover->look != NULL && !end_object(call, node->role))
        return NULL;
    if (node->role == ROLE_EVENT && !add_sign(call))
        return NULL;
    return p + 1;
}

/* Take the number that was read last for what its role is. Returns 0 for doubt. */
static int take_number(Call *call, enum Role role)
{
    const Look *look = call->prover->look;
    call->present |= HAS(role);
    switch (role) {
    case ROLE_VALUE:
        call->value = call->number;
        return look == NULL || to_millionths(call, &call->value_millionths);
    case ROLE_PAID:
        call->paid = call->number;
        return look == NULL || to_millionths(call, &call->paid_millionths);
    case ROLE_AMOUNT:
        return look == NULL || to_millionths(call, &call->amount);
    case ROLE_UNITS:
        call->units = call->number;
        return 1;
    case ROLE_UNIT_VALUE:
        call->unit_value = call->number;
        return 1;
    case ROLE_UNIT_PAID:
        call->unit_paid = call->number;
        return 1;
    case ROLE_SHIPPING_VALUE:
        call->shipping_value = call->number;
        return 1;
    case ROLE_SHIPPING_PAID:
        call->shipping_paid = call->number;
        return 1;
    default:
        return 1;
    }
}

/* The same for a date. */
static int take_date(Call *call, enum Role role)
{
    const Look *look = call->prover->look;
    call->present |= HAS(role);
    switch (role) {
    case ROLE_ISSUED:
    case ROLE_BALANCE_ISSUED:
        call->issued = call->date;
        return 1;
    case ROLE_RESOLVED:
        call->resolved = call->date;
        return 1;
    case ROLE_EXPIRES:
        call->expires = call->date;
        return 1;
    case ROLE_REGISTERED:
        return look == NULL || note_date(call, &call->date);
    case ROLE_BIRTH:
        return look == NULL || is_usual(call, &call->date, look->first_birth);
    default:
        return 1;
    }
}

static Text read_value(Call *call, const Node *node, Text p, int depth)
{
    Text end = call->end;
    if (p >= end)
        return NULL;
    if (*p == 'n' && node->nullable)
        return has(p, end, "null", 4) ? p + 4 : NULL;
    switch (node->kind) {
    case KIND_TEXT:
        return read_text(call, node, p);
    case KIND_UUID:
        if (node->role == ROLE_REWARD)
            call->reward = p + 1;
        return *p == '"' ? read_uuid(call, p + 1) : NULL;
    case KIND_NUMBER:
        if ((p = read_number(call, p, node->role != ROLE_NONE)) == NULL || !(node->signs & call->sign)
            || !take_number(call, node->role))
            return NULL;
        return p;
    case KIND_BOOLEAN:
        return has(p, end, "true", 4) ? p + 4 : has(p, end, "false", 5) ? p + 5 : NULL;
    case KIND_DATE:
        if (*p != '"' || (p = read_date(call, p + 1)) == NULL || !take_date(call, node->role))
            return NULL;
        return p;
    case KIND_ONE_OF:
        return read_choice(call, node, p);
    case KIND_OBJECT:
        return *p == '{' ? skip_value(call, p, depth) : NULL;
    case KIND_LIST:
        return read_list(call, node, p, depth);
    case KIND_STRUCT:
        return read_struct(call, node, p, depth);
    case KIND_ANY:
        call->line->marks |= node->mark;
        return skip_value(call, p, depth);
    }
    return NULL;
}

/* Whether a line is clean. Of a line that is doubted, nothing stays noted. */
static int prove_line(Call *call, Line *line)
{
    Py_ssize_t signs = call->sign_count, sums = call->sum_count;
    int rewards = call->reward_count;
    call->line = line;
    call->end = line->end;
    line->customer = line->email = NULL;
    line->items = 1;
    begin_line(line);
    Text p = read_value(call, call->prover->root, skip_space(line->begin, line->end), 0);
    if (p != NULL && skip_space(p, line->end) == line->end && line->customer != NULL
        && line->items <= call->prover->most_items && (call->prover->look == NULL || end_line(call)))
        return 1;
    line->customer = NULL;
    call->sign_count = signs;
    call->sum_count = sums;
    call->reward_count = rewards;
    return 0;
}

/* ---- The Python side --------------------------------------------------------------------------------------------- */

/* Append a new object, which may be NULL with an exception set, and give up the reference to it. */
static int append(PyObject *list, PyObject *made)
{
    int result = made == NULL ? -1 : PyList_Append(list, made);
    Py_XDECREF(made);
    return result == 0;
}

static PyObject *text_of(Text text, Py_ssize_t length)
{
    return PyUnicode_DecodeUTF8((const char *)text, length, NULL);
}

/* Make empty lists; those that were made before an error are freed by whoever owns `columns`. */
static int columns_make(PyObject **columns, int count)
{
    for (int i = 0; i < count; i++)
        if ((columns[i] = PyList_New(0)) == NULL)
            return 0;
    return 1;
}

/* Return the columns as a tuple, and give up the references to them. NULL, with an exception set, if not `complete`. */
static PyObject *columns_pack(PyObject **columns, int count, int complete)
{
    PyObject *result = complete ? PyTuple_New(count) : NULL;
    for (int i = 0; i < count; i++) {
        if (result != NULL)
            PyTuple_SetItem(result, i, columns[i]); /* takes the reference */
        else
            Py_XDECREF(columns[i]);
    }
    return result;
}

/* Append signs of events to two columns: from the one with index `begin` on, up to `end`. */
static int append_signs(const Call *call, Py_ssize_t begin, Py_ssize_t end, PyObject *purchases, PyObject *contents)
{
    for (Py_ssize_t i = begin; i < end; i++) {
        const EventSign *sign = &call->signs[i];
        if (!append(purchases, text_of(sign->purchase, sign->purchase_length))
            || !append(contents, PyLong_FromUnsignedLong(sign->content)))
            return 0;
    }
    return 1;
}

/* Six lists: indexes of doubted lines; of clean lines customers, items, emails; purchases and contents of events.
 * `signs` is the index of the first sign of these lines. */
static PyObject *columns_of(const Call *call, const Line *lines, Py_ssize_t count, Py_ssize_t signs)
{
    enum { DOUBTED, CUSTOMERS, ITEMS, EMAILS, PURCHASES, CONTENTS, COLUMNS };
    PyObject *columns[COLUMNS] = {NULL};
    int complete = columns_make(columns, COLUMNS);
    for (Py_ssize_t i = 0; complete && i < count; i++) {
        const Line *line = &lines[i];
        if (line->customer == NULL)
            complete = append(columns[DOUBTED], PyLong_FromSsize_t(i));
        else
            complete = append(columns[CUSTOMERS], text_of(line->customer, line->customer_length))
                       && append(columns[ITEMS], PyLong_FromSsize_t(line->items))
                       && (line->email == NULL || append(columns[EMAILS], text_of(line->email, line->email_length)));
    }
    Py_ssize_t end = count ? lines[count - 1].signs : signs;
    complete = complete && append_signs(call, signs, end, columns[PURCHASES], columns[CONTENTS]);
    return columns_pack(columns, COLUMNS, complete);
}

/* Begin a call, with the prover's guesses. Sets MemoryError. */
static int call_begin(Call *call, Prover *prover)
{
    call->prover = prover;
    if ((call->guesses = new_array(prover->guess_count, 1)) == NULL)
        return 0;
    memcpy(call->guesses, prover->guesses, (size_t)prover->guess_count);
    return 1;
}

/* Keep its guesses, if it has read something. Sets MemoryError if it lacked memory for what it noted. */
static int call_finish(const Call *call, Prover *prover)
{
    memcpy(prover->guesses, call->guesses, (size_t)prover->guess_count);
    if (call->no_memory)
        PyErr_NoMemory();
    return !call->no_memory;
}

static void call_free(Call *call)
{
    free(call->signs);
    free(call->sums);
    free(call->notes);
    free(call->guesses);
}

/* It needs no GIL. */
static void prove_lines(Call *call, Line *lines, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count && !call->no_memory; i++) {
        prove_line(call, &lines[i]);
        lines[i].signs = call->sign_count;
    }
}

PyDoc_STRVAR(prove_doc, "prove(lines, /)\n--\n\nReturn six columns: the indexes of the lines that are doubted;\n"
                        "customers, items and emails of the others; purchases and contents of their events.");

static PyObject *prover_prove(PyObject *self, PyObject *given)
{
    PyObject *held = PySequence_Tuple(given), *result = NULL; /* the lines cannot go away while they are read */
    Line *lines = NULL;
    Call call = {0};
    if (held == NULL)
        return NULL;
    Py_ssize_t count = PyTuple_Size(held), size = 0;
    if ((lines = new_array(count, sizeof(Line))) == NULL || !call_begin(&call, (Prover *)self))
        goto done;
    for (Py_ssize_t i = 0; i < count; i++) {
        char *begin;
        Py_ssize_t length;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(held, i), &begin, &length) < 0)
            goto done;
        lines[i].begin = (Text)begin;
        lines[i].end = (Text)begin + length;
        size += length;
    }
    PyThreadState *state = size > LITTLE ? PyEval_SaveThread() : NULL;
    prove_lines(&call, lines, count);
    if (state != NULL)
        PyEval_RestoreThread(state);
    if (call_finish(&call, (Prover *)self))
        result = columns_of(&call, lines, count, 0);
done:
    call_free(&call);
    free(lines);
    Py_DECREF(held);
    return result;
}

/* ---- Lines of a text --------------------------------------------------------------------------------------------- */

static Py_ssize_t count_newlines(Text text, Text end)
{
    Py_ssize_t count = 0;
    while (text < end && (text = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Cut a text at its first `count` newlines. */
static void cut_lines(Text text, Text end, Line *lines, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        lines[i].begin = text;
        lines[i].end = memchr(text, '\n', (size_t)(end - text));
        text = lines[i].end + 1;
    }
}

/* A tuple: the text of some lines; the offset of each and where the last one ends; the columns of `prove`. */
static PyObject *portion_of(const Call *call, const Line *lines, Py_ssize_t count, Py_ssize_t signs, long long offset)
{
    Text begin = lines[0].begin, end = lines[count - 1].end + 1;
    PyObject *offsets = PyList_New(0), *columns = NULL;
    int complete = offsets != NULL;
    for (Py_ssize_t i = 0; complete && i <= count; i++)
        complete = append(offsets, PyLong_FromLongLong(offset + ((i < count ? lines[i].begin : end) - begin)));
    if (complete)
        columns = columns_of(call, lines, count, signs);
    if (columns == NULL) {
        Py_XDECREF(offsets);
        return NULL;
    }
    return Py_BuildValue("(y#NN)", (const char *)begin, (Py_ssize_t)(end - begin), offsets, columns);
}

/* A list of portions of at most `most` lines. `offset` is that of the first line. */
static PyObject *portions_of(const Call *call, const Line *lines, Py_ssize_t count, Py_ssize_t most, long long offset)
{
    PyObject *made = PyList_New(0);
    for (Py_ssize_t i = 0; made != NULL && i < count; i += most) {
        Py_ssize_t signs = i ? lines[i - 1].signs : 0, some = count - i < most ? count - i : most;
        if (!append(made, portion_of(call, lines + i, some, signs, offset + (lines[i].begin - lines[0].begin)))) {
            Py_DECREF(made);
            return NULL;
        }
    }
    return made;
}

PyDoc_STRVAR(prove_text_doc,
             "prove_text(text, begin, offset, most, /)\n--\n\nCut a text into lines from the byte `begin` on, whose offset "
             "in its source is `offset`.\nWhat is behind the last newline is left out. Return portions of at most `most` "
             "lines:\ntheir text; the offset of each line, and where the last one ends; the columns of `prove`.");

static PyObject *prover_prove_text(PyObject *self, PyObject *args)
{
    PyObject *held, *result = NULL;
    char *bytes;
    Py_ssize_t length, begin, most, count;
    long long offset;
    Line *lines = NULL;
    Call call = {0};
    if (!PyArg_ParseTuple(args, "SnLn", &held, &begin, &offset, &most)
        || PyBytes_AsStringAndSize(held, &bytes, &length) < 0)
        return NULL;
    if (begin < 0 || begin > length || most < 1) {
        PyErr_SetString(PyExc_ValueError, "a byte of the text, and at least one line");
        return NULL;
    }
    Text text = (Text)bytes + begin, end = (Text)bytes + length;
    Py_BEGIN_ALLOW_THREADS
    count = count_newlines(text, end);
    Py_END_ALLOW_THREADS
    if ((lines = new_array(count, sizeof(Line))) == NULL || !call_begin(&call, (Prover *)self))
        goto done;
    Py_BEGIN_ALLOW_THREADS
    cut_lines(text, end, lines, count);
    prove_lines(&call, lines, count);
    Py_END_ALLOW_THREADS
    if (call_finish(&call, (Prover *)self))
        result = portions_of(&call, lines, count, most, offset);
done:
    call_free(&call);
    free(lines);
    return result;
}

#include "_notes.h"

static PyObject *prover_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"schema", "most_items", "reject_unknown", "plain", "look", NULL};
    PyObject *schema, *look = Py_None;
    Py_ssize_t most_items = PY_SSIZE_T_MAX;
    int reject_unknown = 0, plain = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$nppO", names, &schema, &most_items, &reject_unknown, &plain,
                                     &look))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Prover *prover = (Prover *)allocate(type, 0); /* zeros */
    if (prover == NULL)
        return NULL;
    prover->most_items = most_items;
    prover->reject_unknown = reject_unknown;
    prover->plain = plain;
    prover->root = node_build(schema, &prover->guess_count, 0);
    if (prover->root == NULL || (prover->guesses = new_array(prover->guess_count, 1)) == NULL
        || (look != Py_None && (prover->look = look_build(look)) == NULL)) {
        Py_DECREF(prover);
        return NULL;
    }
    return (PyObject *)prover;
}

static void prover_dealloc(PyObject *self)
{
    Prover *prover = (Prover *)self;
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    node_free(prover->root);
    look_free(prover->look);
    free(prover->guesses);
    release(self);
    Py_DECREF(type); /* an object of a type on the heap holds it */
}

static PyMethodDef PROVER_METHODS[] = {
    {"prove", prover_prove, METH_O, prove_doc},
    {"prove_text", prover_prove_text, METH_VARARGS, prove_text_doc},
    {"look", prover_look, METH_VARARGS, look_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot PROVER_SLOTS[] = {
    {Py_tp_doc, "Prover(schema, *, most_items, reject_unknown, plain, look)\n--\n\nProves lines clean, or doubts them."},
    {Py_tp_new, prover_new},
    {Py_tp_dealloc, prover_dealloc},
    {Py_tp_methods, PROVER_METHODS},
    {0, NULL},
};

static PyType_Spec PROVER_SPEC = {
    .name = "masivo_stream.core.reading._prover.Prover",
    .basicsize = sizeof(Prover),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = PROVER_SLOTS,
};

/* Contents must be what this Python computes: other processes, and the notes of earlier runs, have them from there. */
static int hashes_as_python(void)
{
    static const struct {
        uint32_t type;
        double value, paid;
        Py_ssize_t products;
        int64_t issued;
    } SOME[] = {
        {1, 10.5, 0, 2, 738000 * (int64_t)86400 + 12 * 3600 + 30 * 60 + 59},
        {4294967295u, -1, -0.1, 0, 365 * (int64_t)86400},
        {0, 1e199, 1e-199, 1000, 3649999 * (int64_t)86400 + 86399},
        {123456789, 9007199254740993.0, 2305843009213693951.0, 1, 738000 * (int64_t)86400},
    };
    for (size_t i = 0; i < sizeof SOME / sizeof *SOME; i++) {
        long long day = SOME[i].issued / 86400, second = SOME[i].issued % 86400;
        PyObject *content = Py_BuildValue("(kddnLLLL)", (unsigned long)SOME[i].type, SOME[i].value, SOME[i].paid,
                                          SOME[i].products, day, second / 3600, second / 60 % 60, second % 60);
        if (content == NULL)
            return -1;
        Py_hash_t hash = PyObject_Hash(content);
        Py_DECREF(content);
        if (hash == -1)
            return -1;
        if (((uint64_t)hash & 0xFFFFFF)
            != content_of(SOME[i].type, SOME[i].value, SOME[i].paid, SOME[i].products, SOME[i].issued))
            return 0;
    }
    return 1;
}

static int module_exec(PyObject *module)
{
    int same = hashes_as_python();
    if (same <= 0) {
        if (same == 0)
            PyErr_SetString(PyExc_ImportError, "this Python hashes numbers or tuples in another way");
        return -1;
    }
    PyObject *type = PyType_FromSpec(&PROVER_SPEC);
    if (type == NULL)
        return -1;
    int added = PyModule_AddObjectRef(module, "Prover", type);
    Py_DECREF(type);
    return added < 0 ? -1 : PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static PyMethodDef MODULE_METHODS[] = {
    {"divide", divide, METH_VARARGS, divide_doc},
    {"hash_of", hash_of, METH_VARARGS, hash_of_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot MODULE_SLOTS[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_prover",
    .m_doc = "Prove lines of NDJSON clean; see the theory of operation in its source.",
    .m_methods = MODULE_METHODS,
    .m_slots = MODULE_SLOTS,
};

PyMODINIT_FUNC PyInit__prover(void) { return PyModuleDef_Init(&MODULE); }

/* A libFuzzer target for the extension that proves lines: clang -fsanitize=fuzzer,address,undefined (run.sh builds it).
 *
 * The first byte of an input chooses the rules, the rest is one line. It is read twice, with SSE2 and without, from a
 * block of memory that ends where the line ends, so that the address sanitizer sees a byte read beyond it. If it is
 * called clean, or unremarkable, Python is asked whether that is lawful (tests/fuzz/oracle.py). What breaks the law aborts. From time to
 * time an allocation fails on purpose: then there has to be a MemoryError, and nothing else.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>

static long allocations_left = -1; /* -1: all succeed */

static int may_allocate(void)
{
    if (allocations_left < 0)
        return 1;
    if (allocations_left == 0)
        return 0;
    allocations_left--;
    return 1;
}

static void *scarce_calloc(size_t count, size_t size) { return may_allocate() ? calloc(count, size) : NULL; }
static void *scarce_realloc(void *old, size_t size) { return may_allocate() ? realloc(old, size) : NULL; }

#define calloc scarce_calloc
#define realloc scarce_realloc
#include "../../masivo_stream/core/reading/_prover.c"
#undef calloc
#undef realloc

#define MOST_VARIANTS 32

static struct {
    PyObject *make, *prover, *plain, *use, *holds;
} variants[MOST_VARIANTS];
static int variant_count;

static void die(const char *why)
{
    if (PyErr_Occurred())
        PyErr_Print();
    fprintf(stderr, "the law is broken: %s\n", why);
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    PyImport_AppendInittab("_prover", PyInit__prover);
    Py_Initialize();
    PyObject *oracle = PyImport_ImportModule("fuzz.oracle");
    if (oracle == NULL)
        die("no oracle");
    PyObject *made = PyObject_CallMethod(oracle, "variants", NULL);
    if (made == NULL || PyList_Size(made) > MOST_VARIANTS)
        die("no variants");
    for (variant_count = 0; variant_count < PyList_Size(made); variant_count++) {
        PyObject *each = PyList_GetItem(made, variant_count);
        PyObject *make = PyTuple_GetItem(each, 0), *none = PyTuple_New(0), *plain = Py_BuildValue("{s:i}", "plain", 1);
        variants[variant_count].make = make;
        variants[variant_count].prover = PyObject_Call(make, none, NULL);
        variants[variant_count].plain = PyObject_Call(make, none, plain);
        variants[variant_count].use = PyTuple_GetItem(each, 1);
        variants[variant_count].holds = PyTuple_GetItem(each, 2);
        if (variants[variant_count].prover == NULL || variants[variant_count].plain == NULL)
            die("no prover");
    }
    return 0; /* `made` lives as long as the program */
}

/* Read one line without Python; the caller frees the signs. */
static int prove_alone(PyObject *prover, Line *line, Call *call)
{
    call->prover = (Prover *)prover;
    if ((call->guesses = new_array(call->prover->guess_count, 1)) == NULL)
        die("no memory for guesses");
    int clean = prove_line(call, line);
    /* Once more with the guesses of the first time: only the speed may change. */
    Py_ssize_t signs = call->sign_count;
    if (prove_line(call, line) != clean || call->sign_count != 2 * signs)
        die("guesses change what is found");
    call->sign_count = signs;
    free(call->guesses);
    free(call->sums);
    return clean;
}

static void fail_on_purpose(int variant, PyObject *lines, long after)
{
    allocations_left = after;
    PyObject *made = PyObject_CallFunctionObjArgs(variants[variant].make, NULL);
    PyObject *proof = made == NULL ? NULL : PyObject_CallFunctionObjArgs(variants[variant].use, made, lines, NULL);
    allocations_left = -1;
    if (proof == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError))
        die("an allocation failed without a MemoryError");
    PyErr_Clear();
    Py_XDECREF(proof);
    Py_XDECREF(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    int variant = data[0] % variant_count;
    size_t length = size - 1;
    uint8_t *copy = malloc(length); /* ends exactly where the line does */
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, length);
    Line line = {.begin = copy, .end = copy + length}, plain_line = line;
    Call call = {0}, plain_call = {0};
    int clean = prove_alone(variants[variant].prover, &line, &call);
    int plain = prove_alone(variants[variant].plain, &plain_line, &plain_call);
    if (clean != plain || call.sign_count != plain_call.sign_count
        || (clean && (line.items != plain_line.items || line.customer != plain_line.customer
                      || line.email != plain_line.email || line.hour != plain_line.hour
                      || line.first != plain_line.first || line.last != plain_line.last
                      || line.latest != plain_line.latest || line.sums != plain_line.sums
                      || line.value != plain_line.value || line.paid != plain_line.paid)))
        die("with SSE2 and without, not the same");
    for (Py_ssize_t i = 0; i < call.sign_count; i++)
        if (call.signs[i].content != plain_call.signs[i].content)
            die("with SSE2 and without, not the same sign");
    free(call.signs);
    free(plain_call.signs);
    free(copy);
    PyObject *lines = Py_BuildValue("[y#]", (const char *)data + 1, (Py_ssize_t)length);
    if (lines == NULL)
        die("no list of lines");
    if (clean) {
        PyObject *use = variants[variant].use;
        PyObject *proof = PyObject_CallFunctionObjArgs(use, variants[variant].prover, lines, NULL);
        PyObject *plain_proof = PyObject_CallFunctionObjArgs(use, variants[variant].plain, lines, NULL);
        if (proof == NULL || plain_proof == NULL)
            die("a clean line is not proved");
        if (!PyObject_RichCompareBool(proof, plain_proof, Py_EQ))
            die("with SSE2 and without, not the same proof");
        Py_DECREF(plain_proof);
        PyObject *lawful = PyObject_CallFunctionObjArgs(variants[variant].holds, lines, proof, NULL);
        if (lawful == NULL || !PyObject_IsTrue(lawful))
            die("a clean line is not clean");
        Py_DECREF(lawful);
        Py_DECREF(proof);
    }
    if (length % 64 == 1)
        fail_on_purpose(variant, lines, (long)(data[size - 1] + 4 * variant) % 90);
    Py_DECREF(lines);
    return 0;
}

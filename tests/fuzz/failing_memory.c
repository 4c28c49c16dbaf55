/* The extension that remembers, with an allocator that fails when it is told to. */
#include <stddef.h>
#include <stdlib.h>

unsigned fail_every = 0; /* 0: it never fails */

static void *failing_realloc(void *old, size_t size)
{
    static unsigned calls = 0;
    return fail_every != 0 && ++calls % fail_every == 0 ? NULL : realloc(old, size);
}

#define realloc failing_realloc
#include "../../masivo_stream/core/reading/_memory.c"

/* A part of _prover.c: hashes of texts, so that notes of ids can be made without Python objects.
 *
 * There are two. Notes of one process have SipHash-1-3 (Aumasson and Bernstein 2012), which Python has for texts as
 * well; its key is of this process. Notes that several machines take together have BLAKE2b (RFC 7693) of 8 bytes,
 * since those without this extension take them, too: see `SharedHash` in core/checks/note_format.py.
 */

typedef struct {
    int shared;         /* BLAKE2b */
    uint64_t key[2];    /* of SipHash */
    uint64_t begun[8];  /* BLAKE2b, after the block that holds the key, if there is a key */
    uint64_t fresh[8];  /* before it */
    uint8_t block[128]; /* that block */
    int key_length;
} Hash;

static inline uint64_t load64(Text p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32
           | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline uint64_t rotate_left(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static inline uint64_t rotate_right(uint64_t word, int bits) { return word >> bits | word << (64 - bits); }

/* ---- SipHash ----------------------------------------------------------------------------------------------------- */

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

static uint64_t sip_hash(uint64_t key_0, uint64_t key_1, Span text)
{
    uint64_t v[4] = {
        key_0 ^ 0x736f6d6570736575u,
        key_1 ^ 0x646f72616e646f6du,
        key_0 ^ 0x6c7967656e657261u,
        key_1 ^ 0x7465646279746573u,
    };
    Text p = text.text, end = p + text.length;
    uint64_t last = (uint64_t)text.length << 56;
    for (; end - p >= 8; p += 8) {
        uint64_t word = load64(p);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (int bits = 0; p < end; p++, bits += 8)
        last |= (uint64_t)*p << bits;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- BLAKE2b ----------------------------------------------------------------------------------------------------- */

static const uint64_t BLAKE_BEGIN[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

static inline void blake_mix(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate_right(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate_right(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 63);
}

/* Take one block; `until` is the number of bytes up to its end. */
static void blake_take(uint64_t state[8], Text block, uint64_t until, int last)
{
    static const uint8_t ORDER[10][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    };
    uint64_t v[16], words[16];
    for (int i = 0; i < 16; i++)
        words[i] = load64(block + 8 * i);
    memcpy(v, state, 8 * sizeof *v);
    memcpy(v + 8, BLAKE_BEGIN, sizeof BLAKE_BEGIN);
    v[12] ^= until;
    if (last)
        v[14] = ~v[14];
    for (int round = 0; round < 12; round++) {
        const uint8_t *order = ORDER[round % 10];
        for (int i = 0; i < 4; i++)
            blake_mix(v, i, 4 + i, 8 + i, 12 + i, words[order[2 * i]], words[order[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            blake_mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, words[order[8 + 2 * i]],
                      words[order[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++)
        state[i] ^= v[i] ^ v[8 + i];
}

/* The hash of some texts, one behind the other: eight bytes, read as a number whose first byte counts most. */
static uint64_t blake_hash(const Hash *hash, const Span *texts, int count)
{
    uint64_t state[8], until = hash->key_length ? 128 : 0, number = 0;
    uint8_t block[128];
    Py_ssize_t filled = 0, left = 0;
    for (int i = 0; i < count; i++)
        left += texts[i].length;
    if (left == 0) {
        memcpy(state, hash->fresh, sizeof state);
        blake_take(state, hash->block, until, 1); /* zeros without a key */
    } else {
        memcpy(state, hash->begun, sizeof state);
    }
    for (int i = 0; i < count; i++) {
        Text p = texts[i].text, end = p + texts[i].length;
        while (p < end) {
            Py_ssize_t some = end - p < 128 - filled ? end - p : 128 - filled;
            memcpy(block + filled, p, (size_t)some);
            p += some;
            filled += some;
            left -= some;
            until += (uint64_t)some;
            if (left > 0 && filled < 128)
                continue;
            memset(block + filled, 0, (size_t)(128 - filled));
            blake_take(state, block, until, left == 0);
            filled = 0;
        }
    }
    for (int i = 0; i < 8; i++)
        number = number << 8 | (state[0] >> 8 * i & 0xff);
    return number;
}

/* ---- Both -------------------------------------------------------------------------------------------------------- */

/* Begin with a key: 16 bytes, or up to 64 if other machines have it. Returns 0 with an exception set. */
static int hash_begin(Hash *hash, Text key, Py_ssize_t length, int shared)
{
    if (shared ? length > 64 : length != 16) {
        PyErr_SetString(PyExc_ValueError, "a key has 16 bytes, a shared one at most 64");
        return 0;
    }
    *hash = (Hash){.shared = shared, .key_length = (int)length};
    if (!shared) {
        hash->key[0] = load64(key);
        hash->key[1] = load64(key + 8);
        return 1;
    }
    memcpy(hash->block, key, (size_t)length);
    memcpy(hash->fresh, BLAKE_BEGIN, sizeof BLAKE_BEGIN);
    hash->fresh[0] ^= 0x01010000u ^ (uint64_t)length << 8 ^ 8;
    memcpy(hash->begun, hash->fresh, sizeof hash->begun);
    if (length)
        blake_take(hash->begun, hash->block, 128, 0);
    return 1;
}

static uint64_t hash_text(const Hash *hash, Span text)
{
    return hash->shared ? blake_hash(hash, &text, 1) : sip_hash(hash->key[0], hash->key[1], text);
}

/* The hash of two texts, the first of which has the hash `of_one`. */
static uint64_t hash_pair(const Hash *hash, Span one, uint64_t of_one, Span other)
{
    uint8_t length[8];
    if (!hash->shared)
        return sip_hash(hash->key[0] ^ of_one, hash->key[1], other);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)one.length >> (56 - 8 * i));
    return blake_hash(hash, (Span[]){{length, 8}, one, other}, 3);
}

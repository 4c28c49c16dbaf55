/* The floor: copies lines into bodies and sends them, and looks into nothing. What is left to gain below this is the
 * kernel's and the sink's. FILE PORT LINES; blocking, one connection, the next body is sent before the last answer is
 * read.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void send_all(int to, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = write(to, bytes, size);
        if (sent <= 0) die("write");
        bytes += sent;
        size -= (size_t)sent;
    }
}

/* Answers of the sink are `...\r\n\r\n{}`: one ends with its only closing brace. */
static void read_answer(int from) {
    static char buffer[4096];
    static ssize_t held, at;
    for (;;) {
        for (; at < held; at++)
            if (buffer[at] == '}') {
                at++;
                return;
            }
        held = read(from, buffer, sizeof buffer);
        at = 0;
        if (held <= 0) die("read");
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int file = open(argv[1], O_RDONLY), peer = socket(AF_INET, SOCK_STREAM, 0), on = 1, waiting = 0;
    struct stat about;
    if (file < 0 || fstat(file, &about)) die("open");
    const size_t size = (size_t)about.st_size;
    const char *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0), *end = at + size;
    if (at == MAP_FAILED) die("mmap");
    struct sockaddr_in sink = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    inet_pton(AF_INET, "127.0.0.1", &sink.sin_addr);
    if (connect(peer, (struct sockaddr *)&sink, sizeof sink)) die("connect");
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    const int lines = atoi(argv[3]);
    size_t room = 1 << 20;
    char *body = malloc(room), head[256];
    if (!body) die("malloc");
    while (at < end) {
        size_t length = (size_t)sprintf(body, "{\"customers\":[");
        for (int line = 0; line < lines && at < end; line++) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            size_t bytes = (size_t)((stop ? stop : end) - at);
            while (length + bytes + 8 > room)
                if (!(body = realloc(body, room *= 2))) die("realloc");
            if (line) body[length++] = ',';
            memcpy(body + length, at, bytes);
            length += bytes;
            at += bytes + 1;
        }
        memcpy(body + length, "]}", 2);
        length += 2;
        int headed = snprintf(head, sizeof head,
                              "POST / HTTP/1.1\r\nHost: sink\r\nContent-Type: application/json\r\n"
                              "Content-Length: %zu\r\n\r\n", length);
        send_all(peer, head, (size_t)headed);
        send_all(peer, body, length);
        if (waiting) read_answer(peer);
        waiting = 1;
    }
    if (waiting) read_answer(peer);
    return 0;
}

/* A shop over many hosts, each an address of its own, that stamps when each request came and when its answer went.

   shop PORT FIRST HOSTS PRODUCTS LISTING LINKS LATENCY LATENCY STAMPS

   FIRST is the first host's address, LISTING the products of a listing, LINKS those of a product page to others, and
   the latencies, in milliseconds, are those of hosts with an even and an odd number. It serves until SIGTERM. STAMPS
   gets a line for each request but for those that nobody waits for any more when it ends:

       HOST ARRIVED ENDED STATUS MACHINE CONNECTION PATH

   Moments are nanoseconds of CLOCK_REALTIME. A request arrives when the kernel has received its head (SO_TIMESTAMPNS:
   right also if this process is late) and ends right before the last byte of its answer is written, so that a client
   cannot send the next one earlier. If the client closes the connection before, it ends then, with status 0. MACHINE
   is the value of the header X-Machine, or "-"; CONNECTION numbers the connections. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 8192, BRANCHES = 10, REDIRECTED = 50, VARIANTS = 10 };

typedef struct Connection {
    int fd, host, status, waits, closes, serial;
    uint32_t use; /* counts the connections and requests of this place, so that an old answer finds nobody */
    int64_t arrived;
    size_t got, sent, length;
    char *answer;
    char machine[24], path[160], head[HEAD];
} Connection;

typedef struct Answer {
    int64_t due;
    int fd;
    uint32_t use;
} Answer;

typedef struct Queue { /* answers of one latency are due in the order in which they are put */
    Answer *ring;
    size_t first, count, size;
} Queue;

static Connection **connections;
static int most_connections, epoll_fd, accepted;
static Queue queues[2];
static int64_t latencies[2];
static uint32_t first_host;
static int port, hosts, products, listing, links;
static FILE *stamps;
static volatile sig_atomic_t stopped;

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* The pages. */

static uint32_t mixed(uint32_t value) { /* MurmurHash3's finalizer */
    value ^= value >> 16;
    value *= 0x85ebca6b;
    value ^= value >> 13;
    value *= 0xc2b2ae35;
    return value ^ value >> 16;
}

static void put(char **at, const char *format, ...) {
    va_list given;
    va_start(given, format);
    *at += vsprintf(*at, format, given);
    va_end(given);
}

static void put_origin(char **at, int host) {
    uint32_t address = first_host + (uint32_t)host;
    put(at, "http://%u.%u.%u.%u:%d", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255, port);
}

static void put_product(char **at, int number) { /* one of fifty is only reached by a redirect of another host */
    int is_redirected = number % REDIRECTED == 7;
    put(at, "<li><a href=\"");
    put_origin(at, is_redirected ? (number * 7 + 3) % hosts : number % hosts);
    put(at, "/%s/%d\">product %d</a>", is_redirected ? "r" : "p", number, number);
}

static void put_listings(char **at, int begin) {
    int count = (products + listing - 1) / listing;
    for (int each = begin; each < begin + BRANCHES && each < count; each++) {
        put(at, "<li><a href=\"");
        put_origin(at, each % hosts);
        put(at, "/l/%d\">listing %d</a>", each, each);
    }
}

static int body(char *to, const char *path, int host) { /* the page at `path`; its length, or -1 if there is none */
    char *at = to, kind = 0;
    int number = 0, used = 0;
    if (!strcmp(path, "/"))
        kind = 'i';
    else if (sscanf(path, "/%c/%d%n", &kind, &number, &used) != 2 || path[used] || number < 0)
        return -1;
    put(&at, "<!doctype html><meta charset=utf-8><title>%s</title>", path);
    if (kind == 'i') {
        put(&at, "<ul>");
        put_listings(&at, 0);
    } else if (kind == 'l' && number <= (products - 1) / listing && number % hosts == host) {
        put(&at, "<ul>");
        put_listings(&at, BRANCHES * (number + 1));
        for (int each = number * listing; each < (number + 1) * listing && each < products; each++)
            put_product(&at, each);
    } else if (kind == 'p' && number < products && number % hosts == host) {
        put(&at, "<h1>%d</h1><b>%08" PRIx32 "</b><i>%d</i><ul>", number, mixed((uint32_t)number + 1),
            number % VARIANTS ? 1 : 3);
        for (int each = 0; each < links; each++)
            put_product(&at, (int)(mixed((uint32_t)(number * 64 + each) ^ 0x5bd1e995) % (uint32_t)products));
    } else
        return -1;
    put(&at, "</ul>\n");
    return (int)(at - to);
}

static void answer(Connection *on) {
    static char *page;
    int most = 4096 + (listing + links + BRANCHES) * 96, number = 0, length;
    char *at;
    if (!page)
        page = malloc((size_t)most);
    at = on->answer = malloc((size_t)most + 512);
    if (sscanf(on->path, "/r/%d", &number) == 1 && number < products && number % REDIRECTED == 7) {
        on->status = 302;
        put(&at, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ");
        put_origin(&at, number % hosts);
        put(&at, "/p/%d\r\n\r\n", number);
    } else if ((length = body(page, on->path, on->host)) < 0) {
        on->status = 404;
        put(&at, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    } else {
        on->status = 200;
        put(&at, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n", length);
        memcpy(at, page, (size_t)length);
        at += length;
    }
    on->length = (size_t)(at - on->answer);
    on->sent = 0;
}

/* The connections. */

static void stamp(Connection *on, int64_t ended, int status) {
    fprintf(stamps, "%d %" PRId64 " %" PRId64 " %d %s %d %s\n", on->host, on->arrived, ended, status, on->machine,
            on->serial, on->path);
}

static void close_connection(Connection *on) {
    if (on->waits || on->answer)
        stamp(on, now(), 0);
    free(on->answer);
    on->answer = NULL;
    on->waits = 0;
    on->use++;
    close(on->fd);
    on->fd = -1;
}

static void listen_to(Connection *on, uint32_t events) {
    struct epoll_event event = {.events = events | EPOLLRDHUP, .data.fd = on->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, on->fd, &event);
}

static void send_answer(Connection *on) {
    int64_t before = now();
    ssize_t count = send(on->fd, on->answer + on->sent, on->length - on->sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) {
        close_connection(on);
        return;
    }
    on->sent += count > 0 ? (size_t)count : 0;
    if (on->sent < on->length) {
        listen_to(on, EPOLLOUT);
        return;
    }
    stamp(on, before, on->status);
    free(on->answer);
    on->answer = NULL;
    on->use++;
    if (on->closes)
        close_connection(on);
    else
        listen_to(on, EPOLLIN);
}

static void put_off(Connection *on) {
    Queue *queue = &queues[on->host % 2];
    if (queue->count == queue->size) {
        size_t size = queue->size ? queue->size * 2 : 256;
        Answer *ring = malloc(size * sizeof(Answer));
        for (size_t each = 0; each < queue->count; each++)
            ring[each] = queue->ring[(queue->first + each) % queue->size];
        free(queue->ring);
        *queue = (Queue){ring, 0, queue->count, size};
    }
    queue->ring[(queue->first + queue->count++) % queue->size] =
        (Answer){on->arrived + latencies[on->host % 2], on->fd, on->use};
}

static void take_head(Connection *on, int64_t arrived) {
    char *field, *end;
    on->head[on->got] = 0;
    on->arrived = arrived;
    on->got = 0;
    if (sscanf(on->head, "GET %159s", on->path) != 1)
        strcpy(on->path, "?");
    strcpy(on->machine, "-");
    if ((field = strcasestr(on->head, "\r\nX-Machine:")))
        sscanf(field + 12, " %23s", on->machine);
    field = strcasestr(on->head, "\r\nConnection: close");
    end = strstr(on->head, "\r\n\r\n");
    on->closes = field && field < end;
    on->waits = 1;
    put_off(on);
}

static int64_t stamp_of(struct msghdr *message) {
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each))
        if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(each), sizeof at);
            return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
        }
    return now();
}

static void receive(Connection *on) {
    char ancillary[128];
    struct iovec into = {on->head + on->got, HEAD - 1 - on->got};
    struct msghdr message = {
        .msg_iov = &into, .msg_iovlen = 1, .msg_control = ancillary, .msg_controllen = sizeof ancillary};
    ssize_t count = recvmsg(on->fd, &message, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        close_connection(on);
        return;
    }
    on->got += (size_t)count;
    on->head[on->got] = 0;
    if (strstr(on->head, "\r\n\r\n"))
        take_head(on, stamp_of(&message));
    else if (on->got == HEAD - 1)
        close_connection(on);
}

static void accept_all(int listening) {
    int fd, one = 1;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct sockaddr_in local;
        socklen_t length = sizeof local;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
        if (fd >= most_connections) {
            connections = realloc(connections, (size_t)(fd + 256) * sizeof *connections);
            memset(connections + most_connections, 0, (size_t)(fd + 256 - most_connections) * sizeof *connections);
            most_connections = fd + 256;
        }
        if (!connections[fd])
            connections[fd] = calloc(1, sizeof(Connection));
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        getsockname(fd, (struct sockaddr *)&local, &length);
        connections[fd]->fd = fd;
        connections[fd]->serial = ++accepted;
        connections[fd]->got = 0;
        connections[fd]->host = (int)(ntohl(local.sin_addr.s_addr) - first_host);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void serve_due(void) {
    for (int each = 0; each < 2; each++)
        for (Queue *queue = &queues[each]; queue->count && queue->ring[queue->first].due <= now(); queue->count--) {
            Answer *due = &queue->ring[queue->first];
            Connection *on = connections[due->fd];
            if (on->fd >= 0 && on->use == due->use && on->waits) {
                on->waits = 0;
                answer(on);
                send_answer(on);
            }
            queue->first = (queue->first + 1) % queue->size;
        }
}

static int next_wait(void) { /* milliseconds, at most 50 */
    int64_t due = now() + 50000000, left;
    for (int each = 0; each < 2; each++)
        if (queues[each].count && queues[each].ring[queues[each].first].due < due)
            due = queues[each].ring[queues[each].first].due;
    left = due - now();
    return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static void run(int listening) {
    struct epoll_event events[256];
    int64_t flushed = now();
    while (!stopped) {
        int count = epoll_wait(epoll_fd, events, 256, next_wait());
        for (int each = 0; each < count; each++) {
            int fd = events[each].data.fd;
            uint32_t what = events[each].events;
            if (fd == listening)
                accept_all(listening);
            else if (connections[fd]->fd != fd)
                continue;
            else if (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                close_connection(connections[fd]);
            else if (what & EPOLLOUT)
                send_answer(connections[fd]);
            else
                receive(connections[fd]);
        }
        serve_due();
        if (now() - flushed > 50000000) {
            fflush(stamps);
            flushed = now();
        }
    }
    fclose(stamps);
}

int main(int count, char **given) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct rlimit files;
    struct epoll_event event = {.events = EPOLLIN};
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    socklen_t length = sizeof address;
    if (count != 10 || !(stamps = fopen(given[9], "w"))) {
        fprintf(stderr, "usage: shop PORT FIRST HOSTS PRODUCTS LISTING LINKS LATENCY LATENCY STAMPS\n");
        return 2;
    }
    first_host = ntohl(inet_addr(given[2]));
    hosts = atoi(given[3]), products = atoi(given[4]), listing = atoi(given[5]), links = atoi(given[6]);
    latencies[0] = (int64_t)(atof(given[7]) * 1e6), latencies[1] = (int64_t)(atof(given[8]) * 1e6);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    setvbuf(stamps, NULL, _IOFBF, 1 << 16);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listening, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one); /* the kernel takes a while to begin */
    address.sin_port = htons((uint16_t)atoi(given[1]));
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 4096)) {
        perror("shop");
        return 1;
    }
    getsockname(listening, (struct sockaddr *)&address, &length);
    port = ntohs(address.sin_port);
    signal(SIGTERM, stop);
    epoll_fd = epoll_create1(0);
    event.data.fd = listening;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listening, &event);
    printf("%d\n", port);
    fflush(stdout);
    run(listening);
    return 0;
}

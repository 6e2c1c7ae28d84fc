/* The disk of one folder in the hands of a test; see disk.py. Loaded before libc, idle until disk_watch is called. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MOST_FILES 4096

struct record {
    uint64_t at;      /* nanoseconds, CLOCK_MONOTONIC */
    uint64_t offset;  /* of a write; size of a truncation */
    uint32_t length;  /* of the data that follow the name */
    uint32_t thread;
    uint16_t name;    /* length of the name that follows */
    char what;        /* Create, Write, Truncate, Unlink, Sync begins, sync eNds */
    char pad[5];
};

static char folder[PATH_MAX];
static size_t folder_length;
static int log_file = -1;
static volatile int *trouble;  /* errno for what would change the disk; 0: it is well */
static char *names[MOST_FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

/* The name within the folder; "." for the folder itself, NULL for what lies elsewhere. */
static const char *within(const char *path) {
    if (!folder_length || strncmp(path, folder, folder_length))
        return NULL;
    if (!path[folder_length])
        return ".";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static const char *name_of(int file) {
    return file >= 0 && file < MOST_FILES ? names[file] : NULL;
}

static void record(char what, const char *name, uint64_t offset, const void *data, size_t length) {
    struct timespec now;
    struct record head = {.offset = offset, .length = length, .name = strlen(name), .what = what};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, length}};
    if (log_file < 0)
        return;
    pthread_mutex_lock(&lock);
    clock_gettime(CLOCK_MONOTONIC, &now);
    head.at = now.tv_sec * 1000000000ull + now.tv_nsec;
    head.thread = gettid();
    if (REAL(writev)(log_file, parts, 3) != (ssize_t)(sizeof head + head.name + length))
        abort();
    pthread_mutex_unlock(&lock);
}

/* Whether the disk refuses a change; a full one takes what needs no more room. */
static int refused(int needs_room) {
    int error = trouble ? *trouble : 0;
    if (!error || (error == ENOSPC && !needs_room))
        return 0;
    errno = error;
    return 1;
}

void disk_watch(const char *path, const char *log, const char *control) {
    if (log[0])
        log_file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (control[0]) {
        int file = REAL(open)(control, O_RDONLY);
        trouble = mmap(NULL, sizeof(int), PROT_READ, MAP_SHARED, file, 0);
    }
    strcpy(folder, path);
    folder_length = strlen(folder);
}

static int opened(const char *path, int flags, mode_t mode, int (*original)(const char *, int, ...)) {
    const char *name = within(path);
    struct stat known;
    int file, is_new;
    if (!name)
        return original(path, flags, mode);
    is_new = (flags & O_CREAT) && stat(path, &known);
    if ((is_new || (flags & O_ACCMODE) != O_RDONLY) && refused(is_new))
        return -1;
    file = original(path, flags, mode);
    if (file >= 0 && file < MOST_FILES) {
        if (is_new)
            record('C', name, 0, "", 0);
        free(names[file]);
        names[file] = strdup(name);
    }
    return file;
}

#define OPEN(function)                                              \
    int function(const char *path, int flags, ...) {                \
        va_list rest;                                               \
        va_start(rest, flags);                                      \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;   \
        va_end(rest);                                               \
        return opened(path, flags, mode, REAL(function));           \
    }
OPEN(open)
OPEN(open64)

int close(int file) {
    if (name_of(file)) {
        free(names[file]);
        names[file] = NULL;
    }
    return REAL(close)(file);
}

#define PWRITE(function, offset_type)                                                               \
    ssize_t function(int file, const void *data, size_t length, offset_type offset) {               \
        struct stat known;                                                                          \
        if (name_of(file)) {                                                                        \
            if (refused(fstat(file, &known) || offset + (offset_type)length > known.st_size))       \
                return -1;                                                                          \
            record('W', names[file], offset, data, length);                                         \
        }                                                                                           \
        return REAL(function)(file, data, length, offset);                                          \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(function, size_type)                   \
    int function(int file, size_type size) {            \
        if (name_of(file)) {                            \
            if (refused(0))                             \
                return -1;                              \
            record('T', names[file], size, "", 0);      \
        }                                               \
        return REAL(function)(file, size);              \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(function)                                  \
    int function(int file) {                            \
        const char *name = name_of(file);               \
        if (name)                                       \
            record('S', name, 0, "", 0);                \
        int result = REAL(function)(file);              \
        if (name && !result)                            \
            record('N', name, 0, "", 0);                \
        return result;                                  \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    const char *name = within(path);
    if (name) {
        if (refused(0))
            return -1;
        record('U', name, 0, "", 0);
    }
    return REAL(unlink)(path);
}

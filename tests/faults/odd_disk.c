/* Disks that a machine seldom has, for LD_PRELOAD: what the environment names is refused or done otherwise. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 4096
static int shadows[MOST]; /* descriptor + 1 of the machine's own lock behind a descriptor */

/* FLOCK_ERRNO: no locks at all. FLOCK_FOLDER: locks that hold for those with the same folder alone. */
int flock(int descriptor, int operation) {
    static int (*real)(int, int);
    const char *number = getenv("FLOCK_ERRNO"), *folder = getenv("FLOCK_FOLDER");
    struct stat found;
    char path[PATH_MAX];
    if (!real) real = dlsym(RTLD_NEXT, "flock");
    if (number) { errno = atoi(number); return -1; }
    if (!folder) return real(descriptor, operation);
    if (fstat(descriptor, &found)) return -1;
    if (!shadows[descriptor]) {
        snprintf(path, sizeof path, "%s/%lu", folder, (unsigned long)found.st_ino);
        shadows[descriptor] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) + 1;
    }
    return real(shadows[descriptor] - 1, operation);
}

int close(int descriptor) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "close");
    if (descriptor >= 0 && descriptor < MOST && shadows[descriptor]) {
        real(shadows[descriptor] - 1);
        shadows[descriptor] = 0;
    }
    return real(descriptor);
}

/* SOCKET_ERRNO: there are no sockets but pairs. */
int socket(int domain, int type, int protocol) {
    static int (*real)(int, int, int);
    if (!real) real = dlsym(RTLD_NEXT, "socket");
    if (getenv("SOCKET_ERRNO")) { errno = atoi(getenv("SOCKET_ERRNO")); return -1; }
    return real(domain, type, protocol);
}

/* SYNC_ERRNO: folders cannot be brought to the disk. */
int fsync(int descriptor) {
    static int (*real)(int);
    struct stat found;
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    if (getenv("SYNC_ERRNO") && !fstat(descriptor, &found) && S_ISDIR(found.st_mode)) {
        errno = atoi(getenv("SYNC_ERRNO"));
        return -1;
    }
    return real(descriptor);
}

/* ONE_CASE: below this folder a name is found whatever its capitals, and kept as it was first written. */
static const char *found_as(const char *path, char *buffer) {
    const char *root = getenv("ONE_CASE");
    static DIR *(*list)(const char *);
    char absolute[PATH_MAX], *end, *start;
    struct dirent *entry;
    DIR *folder;
    if (!root || !path || !*path) return path;
    if (*path == '/') snprintf(absolute, sizeof absolute, "%s", path);
    else if (!getcwd(buffer, PATH_MAX)) return path;
    else snprintf(absolute, sizeof absolute, "%.2000s/%.2000s", buffer, path);
    if (strncmp(absolute, root, strlen(root)) || absolute[strlen(root)] != '/') return path;
    if (!list) list = dlsym(RTLD_NEXT, "opendir");
    strcpy(buffer, root);
    for (start = absolute + strlen(root) + 1; start; start = end ? end + 1 : NULL) {
        size_t length = strlen(buffer);
        if ((end = strchr(start, '/'))) *end = 0;
        folder = list(buffer);
        snprintf(buffer + length, PATH_MAX - length, "/%s", start);
        while (folder && (entry = readdir(folder)))
            if (!strcasecmp(entry->d_name, start)) strcpy(buffer + length + 1, entry->d_name);
        if (folder) closedir(folder);
    }
    return buffer;
}

#define FOUND(path) found_as(path, (char[PATH_MAX]){0})
#define REAL(name, ...) ((int (*)())dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

int open(const char *path, int flags, ...) {
    va_list rest; va_start(rest, flags);
    return REAL(open, FOUND(path), flags, va_arg(rest, int));
}
int open64(const char *path, int flags, ...) {
    va_list rest; va_start(rest, flags);
    return REAL(open64, FOUND(path), flags, va_arg(rest, int));
}
int stat(const char *path, struct stat *found) { return REAL(stat, FOUND(path), found); }
int lstat(const char *path, struct stat *found) { return REAL(lstat, FOUND(path), found); }
int stat64(const char *path, struct stat64 *found) { return REAL(stat64, FOUND(path), found); }
int lstat64(const char *path, struct stat64 *found) { return REAL(lstat64, FOUND(path), found); }
int access(const char *path, int mode) { return REAL(access, FOUND(path), mode); }
int mkdir(const char *path, mode_t mode) { return REAL(mkdir, FOUND(path), mode); }
int rmdir(const char *path) { return REAL(rmdir, FOUND(path)); }
int unlink(const char *path) { return REAL(unlink, FOUND(path)); }
int rename(const char *old, const char *new) { return REAL(rename, FOUND(old), FOUND(new)); }
DIR *opendir(const char *path) { return ((DIR *(*)(const char *))dlsym(RTLD_NEXT, "opendir"))(FOUND(path)); }

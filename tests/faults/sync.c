/* For LD_PRELOAD: while the file that FAIL_SYNC names is there, syncs of data fail, as on a disk
 * that gives up. (SQLite syncs so; nothing else of the server does.) */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd)
{
    const char *switch_path = getenv("FAIL_SYNC");
    if (switch_path && access(switch_path, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

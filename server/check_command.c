#include "server/check_command.h"

#include <stdio.h>
#include <sysexits.h>

#include "runtime/store/check.h"
#include "server/refuse.h"

/* Whatever a line quotes, it is one line. */
static void say_line(void *context, const char *line)
{
    (void)context;
    for (const char *c = line; *c; c++)
        putchar((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
    putchar('\n');
}

int check_main(int argc, char *const *argv)
{
    struct store_check check = {.each = say_line};
    struct error e;
    if (argc != 3 || argv[2][0] == '-') {
        error_set(&e, ERROR_INVALID, "usage: awaitd check FILE");
        return refuse(&e);
    }
    if (store_check(&check, argv[2], &e) != 0) {
        int status = refuse(&e);
        return e.code == ERROR_STORE_FOREIGN ? EX_DATAERR : status;
    }
    if (check.n_violations == 0)
        printf("%s: in order: %lld tasks, %lld of them under way, version %d of the schema\n",
               argv[2], (long long)check.n_tasks, (long long)check.n_open, check.version);
    else
        printf("%s: not in order: %lld violations\n", argv[2], (long long)check.n_violations);
    return check.n_violations == 0 ? EX_OK : 1;
}

#include "server/refuse.h"

#include <stdio.h>
#include <sysexits.h>

static const struct {
    enum error_code code;
    int status;
} statuses[] = {
    {ERROR_INVALID, EX_USAGE},        /* an option that is none, or a value */
    {ERROR_NOT_FOUND, EX_NOINPUT},    /* the file that --config names */
    {ERROR_CONFLICT, EX_UNAVAILABLE}, /* the address is in use */
    {ERROR_STORE_LOCKED, EX_CANTCREAT}, {ERROR_STORE_FOREIGN, EX_CONFIG},
    {ERROR_STORE_NEWER, EX_CONFIG},     {ERROR_STORE_FULL, EX_IOERR},
    {ERROR_STORE_UNKNOWN, EX_TEMPFAIL}, {ERROR_PLUGIN, EX_CONFIG},
};

int refuse(const struct error *e)
{
    fputs("awaitd: ", stderr);
    for (const char *c = e->text; *c; c++)
        fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, stderr);
    fputc('\n', stderr);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].code == e->code)
            return statuses[i].status;
    return EX_OSERR;
}

#include "runtime/host/host_memory.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <uv.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "schema/allocate.h"

void host_memory_for_uv(void)
{
    BUG_ON(uv_replace_allocator(memory_new, memory_resize, memory_new_zeroed, free) < 0);
}

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size ? memory_new(size) : NULL;
}

static void give_back(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

static void *resize(void *memory, size_t size, const char *file, int line)
{
    if (size)
        return memory_resize(memory, size);
    give_back(memory, file, line);
    return NULL;
}

void host_memory_for_openssl(void)
{
    CRYPTO_set_mem_functions(take, resize, give_back); /* refused once it is in use: no harm */
    OPENSSL_init_crypto(0, NULL);
}

bool host_memory_for_curl(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, allocate, free, allocate_resize, allocate_text,
                                allocate_zeroed) == CURLE_OK;
}

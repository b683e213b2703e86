#include "runtime/host/host_memory.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <uv.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "schema/allocate.h"

void host_memory_for_uv(void)
{
    BUG_ON(uv_replace_allocator(memory_new, memory_resize, memory_new_zeroed, free) < 0);
}

bool host_memory_for_curl(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, allocate, free, allocate_resize, allocate_text,
                                allocate_zeroed) == CURLE_OK;
}

#include "runtime/host/host_url.h"

#include <curl/curl.h>
#include <string.h>

#include "schema/allocate.h"

static CURLU *parse(const char *url)
{
    CURLU *parts = curl_url();
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
        return parts;
    curl_url_cleanup(parts);
    return NULL;
}

/* libcurl itself does not mind one slash, or three. */
bool url_is_http(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                    : strncasecmp(url, "https://", 8) == 0 ? 8
                                                           : 0;
    if (scheme == 0 || url[scheme] == '/')
        return false;
    CURLU *parts = parse(url);
    curl_url_cleanup(parts);
    return parts != NULL;
}

char *url_public(const char *url)
{
    char *text = NULL, *copy = NULL;
    CURLU *parts = parse(url);
    if (parts && curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK)
        curl_url_get(parts, CURLUPART_URL, &text, 0);
    if (text)
        copy = allocate_text(text);
    curl_free(text);
    curl_url_cleanup(parts);
    return copy;
}

static bool has_same(CURLU *a, CURLU *b, CURLUPart part)
{
    char *of_a = NULL, *of_b = NULL;
    bool is_same = curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   strcasecmp(of_a, of_b) == 0;
    curl_free(of_a);
    curl_free(of_b);
    return is_same;
}

bool url_has_same_origin(const char *a, const char *b)
{
    CURLU *of_a = parse(a), *of_b = parse(b);
    bool is_same = of_a && of_b && has_same(of_a, of_b, CURLUPART_SCHEME) &&
                   has_same(of_a, of_b, CURLUPART_HOST) && has_same(of_a, of_b, CURLUPART_PORT);
    curl_url_cleanup(of_a);
    curl_url_cleanup(of_b);
    return is_same;
}

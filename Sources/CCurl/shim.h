// libcurl, and typed forms of its variadic functions, which Swift does not import.
#pragma once
#include <curl/curl.h>

static inline CURLcode apus_curl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode apus_curl_set_text(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode apus_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode apus_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}

/// Both the body's and the header's receiver have this form.
typedef size_t (*apus_curl_receiver)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode apus_curl_set_receiver(CURL *easy, CURLoption option, apus_curl_receiver value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode apus_curl_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode apus_curl_get_text(CURL *easy, CURLINFO info, const char **value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode apus_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

/// A header field of the last answer, or null; valid until the transfer goes on.
static inline const char *apus_curl_get_header(CURL *easy, const char *name) {
  struct curl_header *header;
  return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

typedef int (*apus_curl_socket_watcher)(
    CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context);
typedef int (*apus_curl_timer)(CURLM *multi, long milliseconds, void *context);

static inline CURLMcode apus_curl_multi_watch(
    CURLM *multi, apus_curl_socket_watcher watcher, apus_curl_timer timer, void *context) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watcher);
  return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer);
}

static inline CURLMcode apus_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

/// The handle and the outcome of the next finished transfer, or null.
static inline CURL *apus_curl_multi_finished(CURLM *multi, CURLcode *outcome) {
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    *outcome = message->data.result;
    return message->easy_handle;
  }
  return NULL;
}

typedef curl_socket_t (*apus_curl_opener)(void *context, curlsocktype purpose, struct curl_sockaddr *address);

static inline CURLcode apus_curl_set_opener(CURL *easy, apus_curl_opener value, void *context) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}

/// Where a connection is to lead: a pointer to the 4 or 16 bytes of the address and their number, or null.
static inline const unsigned char *apus_curl_address(const struct curl_sockaddr *address, int *count) {
  const unsigned char *bytes = (const unsigned char *)&address->addr;
  *count = address->family == AF_INET ? 4 : 16;
  if (address->family == AF_INET) return bytes + 4;
  return address->family == AF_INET6 ? bytes + 8 : NULL;
}

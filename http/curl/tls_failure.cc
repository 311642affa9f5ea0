#include "http/curl/tls_failure.h"

#include <curl/curl.h>

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace tarn::http {
namespace {

constexpr std::string_view kUntrusted =
    "; if the server is the right one, name a PEM file with its certificate, or that of who signed "
    "it, in tarn.underfs.s3.ca.bundle or AWS_CA_BUNDLE";
constexpr std::string_view kNoBundle =
    "; tarn.underfs.s3.ca.bundle or AWS_CA_BUNDLE must name a PEM file that can be read, by its "
    "whole path";
constexpr std::string_view kNoTls =
    "; that is no answer of TLS: if the store has none, write http:// before its host in "
    "tarn.underfs.s3.endpoint";

// Texts of several versions of OpenSSL for an answer such as "HTTP/1.1 400 Bad Request".
bool IsNoTls(std::string_view text) {
  constexpr std::string_view kWords[] = {"wrong version number", "packet length too long",
                                         "http request", "unexpected TLS packet"};
  return std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view words) {
    return text.find(words) != std::string_view::npos;
  });
}

}  // namespace

Status TlsFailure(int curl_code, const std::string& text) {
  if (curl_code == CURLE_SSL_CONNECT_ERROR && !IsNoTls(text)) {
    return Status(Code::kUnavailable, Concat("TLS: ", text));
  }
  std::string_view advice;
  if (curl_code == CURLE_SSL_CONNECT_ERROR) advice = kNoTls;
  if (curl_code == CURLE_SSL_CACERT_BADFILE) advice = kNoBundle;
  // The certificate may also be that of another server, and then no bundle helps.
  const bool untrusted = text.find("certificate problem") != std::string::npos;
  if (curl_code == CURLE_PEER_FAILED_VERIFICATION && untrusted) advice = kUntrusted;
  return Status(Code::kIo, Concat("TLS: ", text, advice));
}

}  // namespace tarn::http

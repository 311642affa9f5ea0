#pragma once

// Why a TLS connection could not be made, and what to set about it. Pure.

#include <string>

#include "base/status.h"

namespace tarn::http {

// `curl_code`: CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
// CURLE_SSL_CERTPROBLEM; `text` is what curl says. kUnavailable: it may pass; kIo: it will not.
Status TlsFailure(int curl_code, const std::string& text);

}  // namespace tarn::http

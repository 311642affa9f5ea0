#pragma once

// Why a TLS connection could not be made, and what the operator can do. Pure.

#include <string>

#include "base/status.h"

namespace tarn::http {

// `curl_code`: CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
// CURLE_SSL_CERTPROBLEM; `text`: curl's message. kUnavailable: the failure may pass; kIo: it stays.
Status TlsFailure(int curl_code, const std::string& text);

}  // namespace tarn::http

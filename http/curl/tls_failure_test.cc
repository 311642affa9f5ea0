#include "http/curl/tls_failure.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

namespace tarn::http {
namespace {

bool Has(const Status& status, const char* words) {
  return status.message().find(words) != std::string::npos;
}

TEST(TlsFailure, AServerWithoutTlsIsNotAskedAgain) {
  const Status failure = TlsFailure(
      CURLE_SSL_CONNECT_ERROR, "error:1408F10B:SSL routines:ssl3_get_record:wrong version number");
  EXPECT_EQ(failure.code(), Code::kIo);
  EXPECT_TRUE(Has(failure, "write http://")) << failure.ToString();
  EXPECT_EQ(TlsFailure(CURLE_SSL_CONNECT_ERROR, "Connection reset by peer").code(),
            Code::kUnavailable);
}

TEST(TlsFailure, AnUntrustedCertificateIsNamedAndHowToTrustIt) {
  const Status failure = TlsFailure(CURLE_PEER_FAILED_VERIFICATION,
                                    "SSL certificate problem: self-signed certificate");
  EXPECT_EQ(failure.code(), Code::kIo);
  EXPECT_TRUE(Has(failure, "tarn.underfs.s3.ca.bundle")) << failure.ToString();
  EXPECT_FALSE(Has(TlsFailure(CURLE_PEER_FAILED_VERIFICATION, "no alternative name matches"),
                   "tarn.underfs.s3.ca.bundle"));
}

}  // namespace
}  // namespace tarn::http

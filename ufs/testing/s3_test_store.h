#pragma once

// An S3 store of one bucket in memory, behind a TestServer. It knows as much of S3 as the client
// needs, and lets a test plant faults.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/testing/test_server.h"
#include "ufs/s3_options.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

// Counts sleeps instead of waiting.
class ImpatientClock final : public Clock {
 public:
  MonotonicTime Now() const override { return SystemClock().Now() + Nanos(slept_); }
  int64_t WallNs() const override { return SystemClock().WallNs(); }
  bool SleepFor(Nanos duration, const std::stop_token& stop) override {
    slept_ += duration.count();
    return !stop.stop_requested();
  }
  Nanos slept() const { return Nanos(slept_); }

 private:
  std::atomic<int64_t> slept_ = 0;
};

std::string EtagOf(const std::string& bytes);  // The MD5 of the bytes. Thread-safe.
http::TestReply ErrorReply(int status, const std::string& code);

class S3Store : public testing::Test {
 protected:
  S3Store();
  void Open();  // Opens ufs_ on server_.
  // The answer of the store without faults.
  http::TestReply Answer(const http::TestRequest& request);
  Result<std::string> Read(const std::string& key, uint64_t offset, size_t size,
                           const std::string& etag = "", const CallOptions& call = {});
  // The pieces that ReadPieces passed on, of three bytes each. Its final status goes to `ended`.
  std::vector<std::string> Pieces(const std::string& key, Extent extent, const std::string& etag,
                                  Status* ended);
  int CountOf(std::string_view method) const;  // Requests with this method so far.
  std::string Get(const std::string& key) { return Read(key, 0, 100).value(); }
  Result<ObjectInfo> Put(const std::string& key, const std::string& bytes,
                         const Precondition& precondition = {}, size_t part_bytes = 0);

  std::set<std::string> quirks_;                // Names of quirks; see Quirk.
  std::map<std::string, std::string> objects_;  // By full key.
  // The x-amz-* headers of each object.
  std::map<std::string, std::map<std::string, std::string>> meta_;
  std::map<int, std::string> parts_;  // Parts of the one open upload.
  bool upload_open_ = false;
  std::string upload_key_;
  // Nullopt: no fault.
  std::function<std::optional<http::TestReply>(const http::TestRequest&)> fault_;
  std::map<std::string, std::string> environment_ = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  S3Options options_;
  ImpatientClock clock_;
  std::unique_ptr<http::TestServer> server_;
  std::unique_ptr<UnderFileSystem> ufs_;

 private:
  // Whether the store behaves in this way of some real stores.
  bool Quirk(const std::string& name) const { return quirks_.contains(name); }
  http::TestReply List(const http::TestRequest& request);
  http::TestReply GetObject(const http::TestRequest& request, const std::string& key);
  http::TestReply CopyObject(const http::TestRequest& request, const std::string& key);
  http::TestReply PutObject(const http::TestRequest& request, const std::string& key);
  http::TestReply Multipart(const http::TestRequest& request, const std::string& key);
};

}  // namespace tarn::ufs::s3

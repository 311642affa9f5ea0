#pragma once

// An S3 store of one bucket in memory, behind a TestServer: enough of S3 for the client, and a
// place for faults. For tests.

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

// Sleeps take no time but are counted.
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

std::string EtagOf(const std::string& bytes);  // Their MD5. Thread-safe.
http::TestReply ErrorReply(int status, const std::string& code);

class S3Store : public testing::Test {
 protected:
  S3Store();
  void Open();  // ufs_, on server_.
  // What the store answers where nothing goes wrong.
  http::TestReply Answer(const http::TestRequest& request);
  Result<std::string> Read(const std::string& key, uint64_t offset, size_t size,
                           const std::string& etag = "", const CallOptions& call = {});
  // What was given by ReadPieces, in pieces of three bytes; what it ended with goes to `ended`.
  std::vector<std::string> Pieces(const std::string& key, Extent extent, const std::string& etag,
                                  Status* ended);
  int CountOf(std::string_view method) const;  // Requests so far.
  std::string Get(const std::string& key) { return Read(key, 0, 100).value(); }
  Result<ObjectInfo> Put(const std::string& key, const std::string& bytes,
                         const Precondition& precondition = {}, size_t part_bytes = 0);

  std::set<std::string> quirks_;                                    // By name; see Quirk.
  std::map<std::string, std::string> objects_;                      // By full key.
  std::map<std::string, std::map<std::string, std::string>> meta_;  // x-amz-*, of each.
  std::map<int, std::string> parts_;                                // Of the one open upload.
  bool upload_open_ = false;
  std::string upload_key_;
  std::function<std::optional<http::TestReply>(const http::TestRequest&)> fault_;  // Nullopt: none.
  std::map<std::string, std::string> environment_ = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  S3Options options_;
  ImpatientClock clock_;
  std::unique_ptr<http::TestServer> server_;
  std::unique_ptr<UnderFileSystem> ufs_;

 private:
  // Whether the store has a peculiarity of some real ones.
  bool Quirk(const std::string& name) const { return quirks_.contains(name); }
  http::TestReply List(const http::TestRequest& request);
  http::TestReply GetObject(const http::TestRequest& request, const std::string& key);
  http::TestReply CopyObject(const http::TestRequest& request, const std::string& key);
  http::TestReply PutObject(const http::TestRequest& request, const std::string& key);
  http::TestReply Multipart(const http::TestRequest& request, const std::string& key);
};

}  // namespace tarn::ufs::s3

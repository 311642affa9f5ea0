#include "ufs/s3/part_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/digest.h"
#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

constexpr uint64_t kBegin = 1000;  // Offset of the part in the object.
constexpr uint64_t kBytes = (11 << 20) + 17;

class PartStreamTest : public testing::Test {
 protected:
  static std::byte ByteAt(uint64_t offset) {
    return static_cast<std::byte>(offset * 7 + offset / 251);
  }
  std::string Given(PartStream& stream, uint64_t offset, size_t size) {
    std::string out(size, '\0');
    EXPECT_TRUE(stream.Give(offset, std::as_writable_bytes(std::span(out))).ok());
    return out;
  }
  static std::string Expected(uint64_t offset, size_t size) {
    std::string out;
    for (size_t i = 0; i < size; ++i) out += static_cast<char>(ByteAt(kBegin + offset + i));
    return out;
  }

  uint64_t read_bytes_ = 0;
  size_t most_at_once_ = 0;
  Status fault_;
  const Upload::ReadBytes read_ = [this](uint64_t offset, std::span<std::byte> out) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = ByteAt(offset + i);
    read_bytes_ += out.size();
    most_at_once_ = std::max(most_at_once_, out.size());
    return fault_;
  };
};

TEST_F(PartStreamTest, HoldsOnlyAWindowOfThePart) {
  PartStream stream(read_, kBegin, kBytes);
  std::string all;
  EXPECT_TRUE(stream
                  .Each([&](std::span<const std::byte> bytes) {
                    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                  })
                  .ok());
  EXPECT_TRUE(all == Expected(0, kBytes));
  EXPECT_EQ(read_bytes_, kBytes);
  EXPECT_LE(most_at_once_, 4u << 20);
  constexpr size_t kStep = 300'000;
  for (uint64_t at = 0; at < kBytes; at += kStep) {
    const size_t size = std::min<uint64_t>(kStep, kBytes - at);
    ASSERT_TRUE(Given(stream, at, size) == Expected(at, size)) << at;
  }
  EXPECT_EQ(read_bytes_, 2 * kBytes) << "each byte once more to be sent";
}

TEST_F(PartStreamTest, BeginsAgainWhereverTheRequestDoes) {
  PartStream stream(read_, kBegin, kBytes);
  for (const uint64_t at :
       {kBytes - 100, uint64_t{0}, uint64_t{4 << 20}, uint64_t{(4 << 20) - 50}}) {
    EXPECT_EQ(Given(stream, at, 100), Expected(at, 100)) << at;
  }
}

TEST_F(PartStreamTest, AFaultOfTheSourceEndsIt) {
  PartStream stream(read_, kBegin, kBytes);
  fault_ = Status(Code::kStale, "cut off");
  std::byte out[8];
  EXPECT_EQ(stream.Give(0, out).code(), Code::kStale);
  fault_ = OkStatus();
  EXPECT_EQ(Given(stream, 0, 8), Expected(0, 8)) << "what was not read is not kept";
}

TEST_F(S3Store, APartIsReadAsItIsSent) {
  Open();
  const std::string bytes(350, 'x');
  CreateOptions create;
  create.size_bytes = bytes.size();
  std::unique_ptr<Upload> upload = ufs_->Create("f", create, {}).value();
  int times = 0;
  const auto read = [&](uint64_t offset, std::span<std::byte> out) {
    ++times;
    std::memcpy(out.data(), bytes.data() + offset, out.size());
    return OkStatus();
  };
  // The first answer is lost.
  fault_ = [&, failed = false](
               const http::TestRequest& request) mutable -> std::optional<http::TestReply> {
    if (!request.Asks("partNumber") || std::exchange(failed, true)) return std::nullopt;
    http::TestReply reply;
    reply.drop = true;
    return reply;
  };
  for (uint64_t at = 0; at < bytes.size(); at += 100) {
    const uint64_t length = std::min<uint64_t>(100, bytes.size() - at);
    ASSERT_TRUE(upload->StreamPart(at, length, read, {}).ok());
  }
  EXPECT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(objects_["f"], bytes);
  EXPECT_GE(times, 4);
  for (const http::TestRequest& request : server_->Requests()) {
    if (!request.Asks("partNumber")) continue;
    EXPECT_EQ(request.headers.at("content-md5"), Base64(Md5(request.body)));
    EXPECT_EQ(request.headers.at("x-amz-content-sha256"), Hex(Sha256(request.body)));
  }
}

}  // namespace
}  // namespace tarn::ufs::s3

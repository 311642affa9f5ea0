// Attributes of objects, which listings leave out.

#include <map>
#include <optional>
#include <span>
#include <string>

#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

class S3Attributes : public S3Store {
 protected:
  void PutThree() {
    objects_ = {{"d/", ""}, {"e/f", "x"}, {"private", "x"}, {"plain", "x"}};
    meta_["private"] = {{"x-amz-meta-mode", "33152"},
                        {"x-amz-meta-uid", "1000"},
                        {"x-amz-meta-gid", "1001"},
                        {"x-amz-meta-mtime", "1500000000"}};
    meta_["d/"] = {{"x-amz-meta-mode", "16832"}};
  }
  std::map<std::string, ObjectInfo> Listed() {
    std::map<std::string, ObjectInfo> found;
    const ListPage page = ufs_->List("", {}, {}).value();
    for (const ObjectInfo& info : page.entries) found[info.key] = info;
    return found;
  }
};

TEST_F(S3Attributes, AListingLeavesThemUntold) {
  PutThree();
  Open();
  for (const auto& [key, info] : Listed()) {
    EXPECT_TRUE(info.attributes_untold) << key;
    EXPECT_FALSE(info.mode_kept) << key;
  }
  // Versions asks one listed object for its ETag.
  EXPECT_EQ(CountOf("HEAD"), 1);
  const ObjectInfo file = ufs_->StatObject("private", ObjectType::kFile, {}).value();
  EXPECT_EQ(file.mode, 0600u);
  EXPECT_EQ(file.uid, 1000u);
  EXPECT_EQ(file.mtime_ns, 1'500'000'000'000'000'000);
  const ObjectInfo marker = ufs_->StatObject("d", ObjectType::kDirectory, {}).value();
  EXPECT_EQ(marker.type, ObjectType::kDirectory);
  EXPECT_EQ(marker.key, "d");
  EXPECT_TRUE(marker.mode_kept);
  EXPECT_FALSE(marker.uid_kept) << "each counts by itself";
  EXPECT_EQ(marker.mode, 0700u);
  EXPECT_EQ(ufs_->StatObject("e", ObjectType::kDirectory, {}).code(), Code::kNotFound);
  EXPECT_EQ(CountOf("HEAD"), 1 + 3) << "one request each";
}

TEST_F(S3Attributes, ALookTellsWhetherADirectoryHasAMarker) {
  PutThree();
  Open();
  EXPECT_TRUE(ufs_->Stat("d", {}).value().attributes_untold);
  EXPECT_FALSE(ufs_->Stat("e", {}).value().attributes_untold);
  EXPECT_FALSE(ufs_->Stat("private", {}).value().attributes_untold);
}

TEST_F(S3Attributes, AListingAsksForThemWhereThatIsWanted) {
  PutThree();
  options_.attributes_on_list = true;
  Open();
  std::map<std::string, ObjectInfo> listed = Listed();
  for (const auto& [key, info] : listed) EXPECT_FALSE(info.attributes_untold) << key;
  EXPECT_EQ(listed["private"].mode, 0600u);
  EXPECT_EQ(listed["private"].gid, 1001u);
  EXPECT_EQ(listed["private"].mtime_ns, 1'500'000'000'000'000'000);
  EXPECT_EQ(listed["d"].mode, 0700u);
  EXPECT_FALSE(listed["plain"].mode_kept);
  EXPECT_EQ(CountOf("HEAD"), 1 + 4) << "one of them for its ETag";
}

TEST_F(S3Attributes, NothingIsUntoldWhereNoneAreKept) {
  PutThree();
  options_.keep_attributes = false;
  Open();
  for (const auto& [key, info] : Listed()) EXPECT_FALSE(info.attributes_untold) << key;
}

TEST_F(S3Attributes, EachFormIsRead) {
  struct Row {
    const char* text;
    std::optional<uint32_t> mode;
  };
  const Row rows[] = {
      {"33152", 0600},   {"33261", 0755},  {"16832", 0700},     {"17407", 01777},  {"35309", 04755},
      {"32768", 0},      {"100600", 0600}, {"0100755", 0755},   {"104755", 04755}, {"40700", 0700},
      {"41777", 01777},  {"0600", 0600},   {"600", 0600},       {"755", 0755},     {"384", 0600},
      {"420", 0644},     {"41471", {}},    {"120777", {}},      {"", {}},          {"-1", {}},
      {"rw-------", {}}, {"0x1a4", {}},    {"99999999999", {}}, {"0689", {}},      {"33152 x", {}}};
  Open();
  objects_["f"] = "x";
  for (const Row& row : rows) {
    meta_["f"] = {{"x-amz-meta-mode", row.text}};
    const ObjectInfo info = ufs_->StatObject("f", ObjectType::kFile, {}).value();
    EXPECT_EQ(info.mode_kept, row.mode.has_value()) << row.text;
    EXPECT_EQ(info.mode, row.mode.value_or(0)) << row.text;
  }
}

TEST_F(S3Attributes, OwnersAndTimesThatMakeNoSenseAreNotKept) {
  Open();
  objects_["f"] = "x";
  meta_["f"] = {{"x-amz-meta-uid", "4294967295"},
                {"x-amz-meta-gid", "staff"},
                {"x-amz-meta-mtime", "yesterday"}};
  const ObjectInfo info = ufs_->StatObject("f", ObjectType::kFile, {}).value();
  EXPECT_FALSE(info.uid_kept || info.gid_kept);
  meta_["f"].clear();
  EXPECT_EQ(info.mtime_ns, ufs_->StatObject("f", ObjectType::kFile, {}).value().mtime_ns);
}

TEST_F(S3Attributes, TimesAreSecondsOrDates) {
  Open();
  objects_["f"] = "x";
  constexpr int64_t kSecond = 1'000'000'000;
  for (const auto& [text, time_ns] :
       std::map<std::string, int64_t>{{"1500000000", 1'500'000'000 * kSecond},
                                      {"1500000000.25", 1'500'000'000 * kSecond + kSecond / 4},
                                      {"-1.5", -kSecond - kSecond / 2},
                                      {"2017-07-14T02:40:00Z", 1'500'000'000 * kSecond},
                                      {"2017-07-14T04:40:00+02:00", 1'500'000'000 * kSecond}}) {
    meta_["f"] = {{"x-amz-meta-mtime", text}};
    EXPECT_EQ(ufs_->StatObject("f", ObjectType::kFile, {}).value().mtime_ns, time_ns) << text;
  }
}

TEST_F(S3Attributes, ComeWithTheBytes) {
  PutThree();
  Open();
  const std::string etag = Listed()["private"].etag;
  const int heads = CountOf("HEAD");
  ObjectInfo told;
  CallOptions call;
  call.told = &told;
  std::byte piece{};
  const auto take = [](std::span<const std::byte>) { return OkStatus(); };
  ASSERT_EQ(
      ufs_->ReadPieces("private", etag, {0, 1, true}, std::span(&piece, 1), take, call).value(),
      1u);
  EXPECT_EQ(told.etag, etag);
  EXPECT_EQ(told.mode, 0600u);
  EXPECT_EQ(told.uid, 1000u);
  EXPECT_EQ(told.mtime_ns, 1'500'000'000'000'000'000);
  EXPECT_EQ(CountOf("HEAD"), heads);
}

TEST_F(S3Attributes, AreGotWhereHeadIsRefused) {
  PutThree();
  Open();
  for (const int status : {403, 405}) {
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      if (request.method != "HEAD") return std::nullopt;
      return http::TestReply{status};
    };
    EXPECT_EQ(ufs_->StatObject("private", ObjectType::kFile, {}).value().mode, 0600u);
    EXPECT_EQ(ufs_->StatObject("d", ObjectType::kDirectory, {}).value().mode, 0700u);
    EXPECT_EQ(ufs_->StatObject("e", ObjectType::kDirectory, {}).code(), Code::kNotFound)
        << "a directory without a marker";
  }
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.Asks("prefix=")) return std::nullopt;
    return ErrorReply(403, "AccessDenied");
  };
  EXPECT_EQ(ufs_->StatObject("private", ObjectType::kFile, {}).code(), Code::kPermission);
  EXPECT_EQ(ufs_->StatObject("d", ObjectType::kDirectory, {}).code(), Code::kPermission);
}

TEST_F(S3Attributes, TheMarkerOfTheMountedPrefixHasThoseOfTheRoot) {
  PutThree();
  Open();
  EXPECT_EQ(ufs_->StatObject("", ObjectType::kDirectory, {}).code(), Code::kNotFound);
  EXPECT_EQ(CountOf("HEAD"), 0) << "a bucket is no object";
  options_.prefix = "d/";
  Open();
  EXPECT_EQ(ufs_->StatObject("", ObjectType::kDirectory, {}).value().mode, 0700u);
  options_.prefix = "e/";
  Open();
  EXPECT_EQ(ufs_->StatObject("", ObjectType::kDirectory, {}).code(), Code::kNotFound);
}

TEST_F(S3Attributes, AMarkerTellsThemWithoutTheRightToList) {
  PutThree();
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (!request.Asks("prefix=")) return std::nullopt;
    return ErrorReply(403, "AccessDenied");
  };
  const ObjectInfo marked = ufs_->Stat("d", {}).value();
  EXPECT_EQ(marked.type, ObjectType::kDirectory);
  EXPECT_TRUE(marked.mode_kept);
  EXPECT_EQ(marked.mode, 0700u);
}

TEST_F(S3Attributes, AListingTellsWhenAnObjectWasStored) {
  PutThree();
  Open();
  EXPECT_GT(Listed()["private"].stored_s, 0);
  EXPECT_EQ(Listed()["d"].stored_s, 0) << "of a directory it tells nothing";
}

}  // namespace
}  // namespace tarn::ufs::s3

// Compares doc/cache-format.md with the code: the code writes and reads its examples.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/testing/format_examples.h"
#include "cache/cache_store.h"
#include "cache/index/content_index.h"
#include "cache/index/record.h"
#include "kv/memory.h"

namespace tarn::cache {
namespace {

const std::string kDocument = TARN_SOURCE_DIR "/doc/cache-format.md";

std::string Documented(const std::string& heading) {
  const std::vector<FormatRow> rows = FormatTable(kDocument, heading);
  EXPECT_FALSE(rows.empty()) << kDocument << " has no table below ### " << heading;
  for (const FormatRow& row : rows) {
    EXPECT_EQ(ValueOf(row), row.value) << heading << ": " << row.field;
  }
  return BytesOf(rows);
}

Record Example() {
  Record r;
  r.state = ContentState::kDirty;
  r.base_in_ufs = r.synced = r.prior_synced = r.has_bytes = r.sealed = r.cut = r.damaged = true;
  r.generation = Generation(9);
  r.base_generation = Generation(7);
  r.prior_generation = Generation(8);
  r.size_bytes = 5000;
  r.prior_size_bytes = 4000;
  r.mtime_ns = 1767323045000000002;
  r.place_id = 0x0123456789abcdef;
  r.file_id = (uint64_t{1} << 32) + 3;
  r.allocated_bytes = 8192;
  r.last_use_ns = 1767323046000000000;
  r.sync_epoch = (uint64_t{1} << 32) + 2;
  r.bytes_checksum = 0x1122334455667788;
  r.file_inode = 4100;
  r.file_ctime_ns = 1767323047000000000;
  r.limit_bytes = 4500;
  r.bitmap = "\x05";
  r.checksums = {0x99aabbccddeeff01};
  return r;
}

TEST(CacheFormat, ARecordIsAsDocumented) {
  const std::string bytes = Documented("Record");
  EXPECT_EQ(InHex(bytes), InHex(EncodeRecord(Example())));
  const Result<Record> decoded = DecodeRecord(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(InHex(EncodeRecord(*decoded)), InHex(bytes));
}

TEST(CacheFormat, KeysAndEpochsAreAsDocumented) {
  ManualClock clock;
  const std::unique_ptr<kv::Store> store = kv::NewMemoryStore(clock);
  ContentIndex index(*store);
  StoredKeys keys;
  Record record = Example();
  ASSERT_TRUE(index.Put(InodeId(258), record, keys, kv::Durability::kBuffered, "bytes").ok());
  Epochs epochs;
  epochs.run = 3;
  epochs.durable = 12;
  epochs.lost = {{5, 8}};
  epochs.unsure_below = uint64_t{3} << 32;
  ASSERT_TRUE(index.WriteEpochs(epochs, kv::Durability::kBuffered).ok());
  for (const FormatRow& row : FormatTable(kDocument, "Keys")) {
    const Result<std::optional<std::string>> value = store->Begin()->Get(row.bytes);
    ASSERT_TRUE(value.ok());
    EXPECT_TRUE(value->has_value()) << row.field;
  }
  EXPECT_EQ(FormatTable(kDocument, "Keys").size(), 4U);
  EXPECT_EQ(InHex(store->Begin()->Get("e").value().value_or("")), InHex(Documented("Epochs")));
}

// The files that a store leaves in its directory.
class CacheDirectoryFormat : public testing::Test {
 protected:
  CacheDirectoryFormat() {
    std::string path = testing::TempDir() + "/cache_format.XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
    std::ofstream(path_ + "/id", std::ios::binary) << Documented("Id");
    CacheOptions options;
    options.directories = {path_};
    options.capacities_bytes = {1 << 20};
    Result<std::unique_ptr<CacheStore>> opened =
        OpenDiskCacheStore(options, *index_, clock_, SystemClock());
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    if (opened.ok()) {
      EXPECT_TRUE((*opened)->Close().ok());
    }
  }
  ~CacheDirectoryFormat() override { std::filesystem::remove_all(path_); }

  std::string Read(const std::string& name) const {
    std::stringstream bytes;
    bytes << std::ifstream(path_ + "/" + name, std::ios::binary).rdbuf();
    return bytes.str();
  }

  ManualClock clock_;
  const std::unique_ptr<kv::Store> index_ = kv::NewMemoryStore(clock_);
  std::string path_;
};

TEST_F(CacheDirectoryFormat, AnIdAsDocumentedIsKept) {
  EXPECT_EQ(InHex(Read("id")), InHex(Documented("Id")));
}

// Expects the fields that the document names, no others, and a checksum that fits.
void ExpectState(const std::string& bytes, const std::vector<FormatRow>& rows) {
  constexpr size_t kBeforeTheBody = 3;  // Magic, checksum, size.
  ASSERT_GT(rows.size(), kBeforeTheBody);
  Reader in(bytes);
  EXPECT_EQ(in.Fixed(rows[0].bytes.size()), rows[0].bytes);
  const uint64_t checksum = in.Big64();
  const std::string_view body = in.String();
  EXPECT_TRUE(in.Finish("state").ok());
  EXPECT_EQ(checksum, Checksum(body));
  Reader fields(body);
  std::vector<std::string> values;
  for (size_t i = kBeforeTheBody; i < rows.size(); ++i) {
    values.push_back(ReadByType(fields, rows[i].type));
  }
  EXPECT_TRUE(fields.Finish("body of the state").ok());
  EXPECT_EQ(values.front(), "1") << "ended";
}

TEST_F(CacheDirectoryFormat, TheStateOfACleanEndIsAsDocumented) {
  const std::string documented = Documented("State");
  const std::vector<FormatRow> rows = FormatTable(kDocument, "State");
  ExpectState(documented, rows);
  ExpectState(Read("state"), rows);
}

TEST(CacheFormat, EveryTableOfTheDocumentIsTried) {
  const std::vector<std::string> tried = {"Id", "State", "Keys", "Record", "Epochs"};
  EXPECT_EQ(FormatHeadings(kDocument), tried);
}

}  // namespace
}  // namespace tarn::cache

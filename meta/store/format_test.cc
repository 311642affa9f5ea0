// Checks doc/format.md against the code: the code writes and reads its examples.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/testing/format_examples.h"
#include "kv/store.h"
#include "meta/store/keys.h"
#include "meta/store/records.h"
#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

const std::string kDocument = TARN_SOURCE_DIR "/doc/format.md";
const std::string kQueueKey = keys::Queue(0, 1'000'000'001, 4098);

// The bytes of each row have the meaning that the row states. All rows together are the encoding,
// and the code decodes it.
template <typename Record>
void ExpectDocumented(const std::string& heading, const Record& record) {
  const std::vector<FormatRow> rows = FormatTable(kDocument, heading);
  ASSERT_FALSE(rows.empty()) << kDocument << " has no table below ### " << heading;
  for (const FormatRow& row : rows) {
    EXPECT_EQ(ValueOf(row), row.value) << heading << ": " << row.field;
  }
  const std::string bytes = BytesOf(rows);
  EXPECT_EQ(InHex(bytes), InHex(record.Encode())) << heading;
  const Result<Record> decoded = Record::Decode(bytes);
  ASSERT_TRUE(decoded.ok()) << heading << ": " << decoded.status().ToString();
  EXPECT_EQ(InHex(decoded->Encode()), InHex(bytes)) << heading;
}

void SetAttributes(InodeRecord& r) {
  r.ino = InodeId(258);
  r.type = role::FileType::kSymlink;
  r.mode = 0644;
  r.uid = 1000;
  r.gid = 100;
  r.nlink = 2;
  r.rdev = 259;
  r.size_bytes = 5000;
  r.allocated_bytes = 4096;
  r.atime_ns = 1767323045000000001;
  r.mtime_ns = 1767323045000000002;
  r.ctime_ns = 1767323045000000003;
  r.btime_ns = -4;
  r.parent = InodeId(1);
  r.name = "new";
  r.symlink_target = "../x";
  r.synced = r.bound = r.places = r.conflict = r.xattrs = true;
  r.guessed = r.attributes_here = true;
  r.stored_s = 11;
}

void SetPersistence(InodeRecord& r) {
  r.generation = Generation(9);
  r.attr_version = 8;
  r.persisted_generation = Generation(7);
  r.persisted_attr_version = 6;
  r.mount = MountId(1);
  r.key = "d/old";
  r.etag = "e1";
  r.identity = "i1";
  r.bound_size_bytes = 4000;
  r.made_key = "d/new";
  r.attempt = "a1";
  r.attempt_key = "d/f";
  r.attempt_generation = Generation(5);
  r.attempt_attr_version = 4;
  r.attempt_started_ns = 300;
  r.attempt_size_bytes = 13;
  r.attempt_mtime_ns = -14;
  r.attempt_file = "f12-9";
  r.origin_generation = Generation(3);
  r.queue_key = kQueueKey;
}

TEST(Format, TheInodeIsAsDocumented) {
  InodeRecord inode;
  SetAttributes(inode);
  SetPersistence(inode);
  ExpectDocumented("Inode", inode);
}

TEST(Format, NamesAndListingsAreAsDocumented) {
  ExpectDocumented("Dentry", DentryRecord{InodeId(258), role::FileType::kDirectory, 259});
  ExpectDocumented("Cursor", CursorRecord{"a", InodeId(258), role::FileType::kRegular});
  ExpectDocumented("Listing", ListingRecord{true, 1767323045000000000});
}

TEST(Format, WhatIsIntendedWithTheSourceIsAsDocumented) {
  ExpectDocumented("Ledger", LedgerRecord{LedgerRecord::Intent::kClaim,
                                          InodeId(258),
                                          -7,
                                          "e1",
                                          {{"a1", 13, -14, "f12-9"}},
                                          kQueueKey,
                                          {InodeId(259), InodeId(300)}});
  ExpectDocumented("Place", PlaceRecord{PlaceRecord::Kind::kLink, Generation(3), "e1"});
  ExpectDocumented("Queue entry",
                   QueueRecord{QueueRecord::What::kDeleteKey, InodeId(258), MountId(2), "d/f",
                               1767323045000000000, 3, "no answer"});
}

TEST(Format, MountsAreAsDocumented) {
  MountRecord mount;
  mount.path = "/s3";
  mount.uri = "s3://b/p";
  mount.identity = "i1";
  EXPECT_EQ(mount.Encode().front(), 1);
  EXPECT_TRUE(mount.Encode().ends_with("i1"));
  mount.root = InodeId(258);
  mount.read_only = mount.unmounting = true;
  mount.options = {{"s3a.secretKey", "env:KEY"}};
  ExpectDocumented("Mount", mount);
}

TEST(Format, ACounterIsAsDocumented) {
  const std::string bytes = BytesOf(FormatTable(kDocument, "Counter"));
  EXPECT_EQ(InHex(bytes), InHex(kv::EncodeCounter(258)));
  EXPECT_EQ(kv::DecodeCounter(bytes).value(), 258);
}

TEST(Format, KeysAreAsDocumented) {
  const std::vector<std::string> made = {keys::Inode(InodeId(258)),
                                         keys::Dentry(InodeId(1), "a"),
                                         keys::Cursor(InodeId(1), 259),
                                         keys::ExtraName(InodeId(258), InodeId(1), "b"),
                                         keys::Xattr(InodeId(258), "user.k"),
                                         keys::DirMtime(InodeId(1)),
                                         keys::DirSubdirs(InodeId(1)),
                                         keys::Listing(InodeId(1)),
                                         keys::Orphan(InodeId(258)),
                                         keys::Ledger(MountId(1), "d/f"),
                                         keys::Claim(InodeId(258), MountId(1), "d/f"),
                                         keys::Queue(1, 5, 258),
                                         keys::Mount(MountId(2)),
                                         keys::System("format"),
                                         keys::System("next-id"),
                                         keys::System("next-mount"),
                                         keys::System("clock")};
  const std::vector<FormatRow> rows = FormatTable(kDocument, "Keys");
  ASSERT_EQ(rows.size(), made.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(InHex(rows[i].bytes), InHex(made[i])) << rows[i].field;
  }
}

class NewStore : public NamespaceFixture {};

TEST_F(NewStore, HasTheNumberOfTheFormatThatIsDocumented) {
  const std::vector<FormatRow> rows = FormatTable(kDocument, "Keys");
  const auto row = std::ranges::find(rows, "`Yformat`", &FormatRow::field);
  ASSERT_NE(row, rows.end());
  const Result<std::optional<std::string>> stored = store_->Begin()->Get(row->bytes);
  ASSERT_TRUE(stored.ok() && *stored);
  EXPECT_EQ(row->value, std::to_string(kv::DecodeCounter(**stored).value()));
}

TEST(Format, EveryTableOfTheDocumentIsTried) {
  const std::vector<std::string> tried = {"Keys",    "Counter", "Inode", "Dentry",      "Cursor",
                                          "Listing", "Ledger",  "Place", "Queue entry", "Mount"};
  EXPECT_EQ(FormatHeadings(kDocument), tried);
}

}  // namespace
}  // namespace tarn::meta

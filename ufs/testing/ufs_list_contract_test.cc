// The part of the contract suite (ufs/testing/ufs_contract.h) about listing and names.

#include <algorithm>

#include "ufs/testing/ufs_contract.h"

namespace tarn::ufs {

TEST_P(UfsContract, ListsOneLevel) {
  Put("a", "1");
  Put("d/x", "22");
  Put("d/e/y", "333");
  EXPECT_EQ(ListAll(""), (Names{"a", "d/"}));
  EXPECT_EQ(ListAll("d"), (Names{"d/e/", "d/x"}));
  EXPECT_EQ(ListAll("d/e"), Names{"d/e/y"});
  EXPECT_EQ(ufs().Stat("d", {}).value().type, ObjectType::kDirectory);
}

TEST_P(UfsContract, AMarkerIsADirectoryWhereTraitsSaySo) {
  CreateOptions marker;
  marker.type = ObjectType::kDirectory;
  if (!ufs().Traits().directory_markers) {
    EXPECT_EQ(ufs().Create("d", marker, {}).code(), Code::kUnsupported);
    return;
  }
  for (const char* directory : {"d", "d/empty", "d/gone"}) {
    auto made = ufs().Create(directory, marker, {}).value()->Commit({});
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    EXPECT_EQ(made->key, directory);
    EXPECT_EQ(made->type, ObjectType::kDirectory);
    EXPECT_EQ(made->etag, "");
  }
  Put("d/f", "1");
  EXPECT_EQ(ListAll(""), Names{"d/"});
  EXPECT_EQ(ListAll("d"), (Names{"d/empty/", "d/f", "d/gone/"}));
  EXPECT_EQ(ListAll("d", 1), (Names{"d/empty/", "d/f", "d/gone/"}));
  EXPECT_EQ(ListAll("d/empty"), Names{});
  EXPECT_EQ(ufs().Stat("d/empty", {}).value().type, ObjectType::kDirectory);
  EXPECT_EQ(Remove("d/gone"), Code::kOk) << "a file of that name: there is none";
  const DeleteRequest gone[] = {{"d/gone", {}, ObjectType::kDirectory},
                                {"d", {}, ObjectType::kDirectory}};
  for (const Status& status : ufs().Delete(gone, {})) EXPECT_TRUE(status.ok());
  EXPECT_EQ(ListAll("d"), (Names{"d/empty/", "d/f"}));
  EXPECT_EQ(ufs().Stat("d/gone", {}).code(), Code::kNotFound);
  CreateOptions with_bytes = marker;
  with_bytes.size_bytes = 1;
  EXPECT_EQ(ufs().Create("e", with_bytes, {}).code(), Code::kInvalid);
}

TEST_P(UfsContract, AListedEntryIsAsItsStatSays) {
  Put("f", "12345");
  const ObjectInfo listed = ufs().List("", {}, {}).value().entries.at(0);
  const ObjectInfo stat = ufs().Stat("f", {}).value();
  EXPECT_EQ(listed.key, stat.key);
  EXPECT_EQ(listed.type, stat.type);
  EXPECT_EQ(listed.size_bytes, stat.size_bytes);
  EXPECT_EQ(listed.etag, stat.etag);
  EXPECT_EQ(listed.identity, stat.identity);
  EXPECT_EQ(listed.mtime_ns, stat.mtime_ns);
  EXPECT_EQ(listed.mode, stat.mode);
}

// '.' and '-' sort before '/', and '0' sorts after it.
TEST_P(UfsContract, ADirectorySortsAsItsNameWithASlash) {
  Put("a.b", "1");
  Put("a/x", "1");
  Put("a0", "1");
  Put("a-", "1");
  Put("\xff", "1");
  Put("A", "1");
  const Names sorted = {"A", "a-", "a.b", "a/", "a0", "\xff"};
  EXPECT_EQ(ListAll(""), sorted);
  for (size_t page_size = 1; page_size < 7; ++page_size) {
    EXPECT_EQ(ListAll("", page_size), sorted) << page_size;
  }
}

TEST_P(UfsContract, PagesTogetherAreTheWhole) {
  Names expected;
  for (int i = 0; i < 100; ++i) {
    const std::string number = Concat(i / 10, i % 10);
    const bool directory = i % 3 == 0;
    expected.push_back(Concat("d/", number, directory ? "/" : ""));
    Put(Concat("d/", number, directory ? "/x" : ""), "");
  }
  for (size_t page_size : {1u, 7u, 50u, 99u, 100u, 101u}) {
    EXPECT_EQ(ListAll("d", page_size), expected) << page_size;
  }
}

TEST_P(UfsContract, AListingGoesOnBehindANameThatIsNotThere) {
  for (const char* key : {"a", "c", "e"}) Put(key, "");
  ListOptions options;
  options.start_after = "b";
  options.page_size = 1;
  const ListPage page = ufs().List("", options, {}).value();
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].key, "c");
  options.start_after = "e";
  EXPECT_TRUE(ufs().List("", options, {}).value().entries.empty());
}

TEST_P(UfsContract, NamesRemovedBetweenPagesDoNotEndTheListing) {
  for (const char* key : {"a", "b", "c", "d"}) Put(key, "");
  ListOptions options;
  options.page_size = 2;
  options.start_after = ufs().List("", options, {}).value().next_start_after;
  EXPECT_EQ(Remove("b"), Code::kOk);
  EXPECT_EQ(Remove("c"), Code::kOk);
  const ListPage page = ufs().List("", options, {}).value();
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].key, "d");
}

TEST_P(UfsContract, ANewPassSeesNewNames) {
  for (const char* key : {"a", "c"}) Put(key, "");
  EXPECT_EQ(ListAll("", 1), (Names{"a", "c"}));
  Put("b", "");
  EXPECT_EQ(ListAll("", 1), (Names{"a", "b", "c"}));
  ListOptions options;
  options.page_size = 1;
  ASSERT_TRUE(ufs().List("", options, {}).ok());  // A pass that is given up.
  Put("d", "");
  EXPECT_EQ(ListAll("", 1), (Names{"a", "b", "c", "d"}));
}

TEST_P(UfsContract, AnyByteButSlashAndNulMayBeInAName) {
  constexpr int kBytesOfOne = 8;
  Names expected;
  for (int first = 0; first < 256; first += kBytesOfOne) {
    std::string name = "x";
    for (int byte = first; byte < first + kBytesOfOne; ++byte) {
      if (byte != '\0' && byte != '/') name += static_cast<char>(byte);
    }
    expected.push_back(name);
    Put(name, name);
  }
  EXPECT_EQ(ListAll("", 5), expected);
  for (const std::string& name : expected) {
    EXPECT_EQ(ufs().Stat(name, {}).value().key, name);
    EXPECT_EQ(Get(name), name);
    EXPECT_EQ(ufs().Move(name, name + "2", {}, {}).code(), Code::kOk);
    EXPECT_EQ(Get(name + "2"), name);
    EXPECT_EQ(Remove(name), Code::kOk);
    EXPECT_EQ(Remove(name + "2"), Code::kOk);
  }
  EXPECT_EQ(ListAll(""), Names());
}

TEST_P(UfsContract, ANameOfOneByteIsAnyByteButADot) {
  Names expected;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/' || byte == '.') continue;
    expected.emplace_back(1, static_cast<char>(byte));
    Put(expected.back(), expected.back());
  }
  EXPECT_EQ(ListAll(""), expected);
  for (const std::string& name : expected) EXPECT_EQ(Get(name), name);
}

TEST_P(UfsContract, NamesMayBeAsLongAsTraitsSay) {
  const size_t longest = ufs().Traits().max_name_bytes;
  const std::string name(longest, 'n');
  Put(name, "1");
  Put("d/" + name, "2");
  EXPECT_EQ(Get(name), "1");
  EXPECT_EQ(ListAll("d"), Names{"d/" + name});
  const std::string too_long(ufs().Traits().max_key_bytes + 1, 'n');
  EXPECT_EQ(TryPut(too_long, "1").code(), Code::kNameTooLong);
}

}  // namespace tarn::ufs

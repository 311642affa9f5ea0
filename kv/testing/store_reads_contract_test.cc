// The part of the contract suite (kv/testing/store_contract.h) about reading.

#include <limits>
#include <string>
#include <vector>

#include "kv/testing/store_contract.h"

namespace tarn::kv {

TEST_P(StoreContract, AbsentKeyIsNoValue) {
  EXPECT_EQ(Begin()->Get("absent").value(), std::nullopt);
}

TEST_P(StoreContract, KeysAndValuesMayHoldAnyBytes) {
  const std::string key("\0\xff k", 4);
  const std::string value("\0\x80\n", 3);
  Write([&](Transaction& t) {
    t.Put(key, value);
    t.Put("empty", "");
  });
  EXPECT_EQ(Value(key), value);
  EXPECT_EQ(Begin()->Get("empty").value(), std::optional<std::string>(""));
}

TEST_P(StoreContract, ReadsSeeOneSnapshot) {
  Fill({"a", "b"});
  const auto t = Begin();
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  Write([](Transaction& w) {
    w.Put("a", "new");
    w.Put("c", "new");
    w.Delete("b");
  });
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  EXPECT_EQ(ValueIn(*t, "b"), "vb");
  EXPECT_EQ(KeysIn(*t, "a", "z"), (Keys{"a", "b"}));
  EXPECT_EQ(KeysIn(*Begin(), "a", "d"), (Keys{"a", "c"}));
}

TEST_P(StoreContract, UncommittedWritesAreDiscarded) {
  Begin()->Put("a", "x");
  EXPECT_EQ(Value("a"), "(none)");
}

TEST_P(StoreContract, OwnWritesAreRead) {
  Fill({"a", "b", "c"});
  const auto t = Begin();
  t->Put("b", "own");
  t->Delete("c");
  t->Put("d", "own");
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  EXPECT_EQ(ValueIn(*t, "b"), "own");
  EXPECT_EQ(ValueIn(*t, "c"), "(none)");
  EXPECT_EQ(ValueIn(*t, "d"), "own");
  t->DeleteRange("a", "c");
  t->Put("b", "again");
  EXPECT_EQ(ValueIn(*t, "a"), "(none)");
  EXPECT_EQ(ValueIn(*t, "b"), "again");
}

TEST_P(StoreContract, GetManyAnswersInTheKeysOrder) {
  Fill({"a", "b", "c"});
  const auto t = Begin();
  t->Put("b", "own");
  t->Delete("c");
  t->Add("n", 3);
  const Keys keys{"c", "a", "none", "b", "a", "n"};
  const auto values = t->GetMany(keys).value();
  const std::vector<std::optional<std::string>> want{std::nullopt, "va", std::nullopt,
                                                     "own",        "va", EncodeCounter(3)};
  EXPECT_EQ(values, want);
  EXPECT_TRUE(t->GetMany({}).value().empty());
}

TEST_P(StoreContract, ScanIsOrderedByBytesAndHalfOpen) {
  Fill({"b", "a\xff", "a", "c", "ab"});
  EXPECT_EQ(KeysIn(*Begin(), "a", "c"), (Keys{"a", "ab", "a\xff", "b"}));
  ScanOptions reverse;
  reverse.order = Order::kReverse;
  EXPECT_EQ(KeysIn(*Begin(), "ab", "c", reverse), (Keys{"b", "a\xff", "ab"}));
  EXPECT_EQ(KeysIn(*Begin(), "c", "a"), Keys{});
  EXPECT_EQ(KeysIn(*Begin(), "b", "b"), Keys{});
}

TEST_P(StoreContract, AnEmptyEndIsNoBound) {
  Fill({"a", "\xff\xff", "z"});
  EXPECT_EQ(KeysIn(*Begin(), "z", ""), (Keys{"z", "\xff\xff"}));
  EXPECT_EQ(KeysIn(*Begin(), "\xff", PrefixEnd("\xff")), (Keys{"\xff\xff"}));
  Write([](Transaction& t) { t.DeleteRange("b", ""); });
  EXPECT_EQ(KeysIn(*Begin(), "", ""), (Keys{"a"}));
}

TEST_P(StoreContract, ScanMergesOwnWritesBothWays) {
  Fill({"a", "b", "c", "d", "e", "f"});
  const auto t = Begin();
  t->Delete("a");
  t->DeleteRange("c", "e");
  t->Put("cc", "own");
  t->Put("e", "own");
  t->Put("g", "own");
  t->Add("n", 7);
  EXPECT_EQ(KeysIn(*t, "", ""), (Keys{"b", "cc", "e", "f", "g", "n"}));
  ScanOptions reverse;
  reverse.order = Order::kReverse;
  EXPECT_EQ(KeysIn(*t, "", "", reverse), (Keys{"n", "g", "f", "e", "cc", "b"}));
  const auto page = t->Scan("e", "", {}).value();
  EXPECT_EQ(page.pairs[0], (Pair{"e", "own"}));
  EXPECT_EQ(page.pairs.back(), (Pair{"n", EncodeCounter(7)}));
  reverse.limit = 2;
  EXPECT_EQ(KeysIn(*t, "", "f", reverse), (Keys{"e", "cc"}));
}

TEST_P(StoreContract, LimitsEndAPageAndSaySo) {
  Fill({"a", "b", "c", "d"});
  const auto t = Begin();
  ScanOptions options;
  options.limit = 3;
  auto page = t->Scan("a", "z", options).value();
  EXPECT_EQ(page.pairs.size(), 3u);
  EXPECT_TRUE(page.more);
  page = t->Scan("b", "z", ScanOptions{}).value();
  EXPECT_EQ(page.pairs.size(), 3u);
  EXPECT_FALSE(page.more);
  options.limit = 0;
  EXPECT_EQ(t->Scan("a", "z", options).code(), Code::kInvalid);
}

TEST_P(StoreContract, AByteLimitReturnsAtLeastOnePair) {
  Fill({"a", "b", "c"});
  ScanOptions options;
  options.byte_limit = 1;
  const auto page = Begin()->Scan("a", "z", options).value();
  EXPECT_EQ(page.pairs, (std::vector<Pair>{{"a", "va"}}));
  EXPECT_TRUE(page.more);
  options.byte_limit = 1000;
  EXPECT_FALSE(Begin()->Scan("a", "z", options)->more);
}

TEST_P(StoreContract, PagesJoinToTheWholeInBothOrders) {
  Keys keys;
  for (int i = 100; i < 200; ++i) keys.push_back(std::to_string(i));
  Fill(keys);
  const auto t = Begin();
  ScanOptions options;
  options.limit = 7;
  Keys forward;
  for (std::string begin;;) {
    const auto page = t->Scan(begin, "", options).value();
    for (const Pair& pair : page.pairs) forward.push_back(pair.key);
    if (!page.more) break;
    begin = page.pairs.back().key + '\0';
  }
  EXPECT_EQ(forward, keys);
  options.order = Order::kReverse;
  Keys backward;
  for (std::string end;;) {
    const auto page = t->Scan("", end, options).value();
    for (const Pair& pair : page.pairs) backward.insert(backward.begin(), pair.key);
    if (!page.more) break;
    end = page.pairs.back().key;
  }
  EXPECT_EQ(backward, keys);
}

TEST_P(StoreContract, AReadVersionCoversExactlyTheCommitsUpToIt) {
  const auto before = Begin();
  const Version old = before->ReadVersion().value();
  const Version commit = Write([](Transaction& t) { t.Put("a", "1"); });
  EXPECT_LT(old, commit);
  EXPECT_EQ(ValueIn(*before, "a"), "(none)");
  const auto after = Begin();
  EXPECT_GE(after->ReadVersion().value(), commit);
  EXPECT_EQ(ValueIn(*after, "a"), "1");
}

TEST_P(StoreContract, ACommitWithoutWritesGivesItsReadVersion) {
  Fill({"a"});
  const auto t = Begin();
  const Version read = t->ReadVersion().value();
  Fill({"b"});
  EXPECT_EQ(t->Commit(Durability::kDurable).value(), read);
}

TEST_P(StoreContract, AnOldTransactionIsRefused) {
  Fill({"a"});
  const auto t = Begin();
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  clock_.Advance(kMaxTransactionLife);
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  clock_.Advance(Nanos(1));
  t->Put("b", "x");
  EXPECT_EQ(t->Get("a").code(), Code::kTooOld);
  EXPECT_EQ(t->GetMany(Keys{"a"}).code(), Code::kTooOld);
  EXPECT_EQ(t->Scan("a", "b", {}).code(), Code::kTooOld);
  EXPECT_EQ(CommitCode(*t), Code::kTooOld);
  EXPECT_EQ(Value("b"), "(none)");
}

TEST_P(StoreContract, WantedReadsSeeTheSnapshotAndOwnWrites) {
  Fill({"a", "b", "c", "d"});
  const auto t = Begin();
  EXPECT_TRUE(t->ReadVersion().ok());
  t->Put("b", "before");
  t->Want(Keys{"a", "b", "c", "absent", "n"}, std::vector<Range>{{"a", "d"}, {"c", ""}});
  Write([](Transaction& w) {
    w.Put("a", "new");
    w.Put("absent", "new");
    w.Delete("d");
  });
  t->Put("b", "own");
  t->Delete("c");
  t->Add("n", 3);
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  EXPECT_EQ(ValueIn(*t, "b"), "own");
  EXPECT_EQ(ValueIn(*t, "c"), "(none)");
  EXPECT_EQ(ValueIn(*t, "absent"), "(none)");
  EXPECT_EQ(CounterIn(*t, "n"), 3);
  EXPECT_EQ(KeysIn(*t, "a", "d"), (Keys{"a", "b"}));
  EXPECT_EQ(KeysIn(*t, "c", ""), (Keys{"d", "n"}));
}

TEST_P(StoreContract, WantingManyReadsDoesNotCountAgainstTheSize) {
  const auto t = Begin();
  t->Put("a", "x");
  const std::string key(kMaxKeyBytes, 'k');
  for (int i = 0; i < 1000; ++i) t->Want(Keys{key}, std::vector<Range>{{key, ""}, {"", key}});
  t->Want({}, {});
  EXPECT_EQ(CommitCode(*t), Code::kOk);
}

TEST_P(StoreContract, ReadsPastTheDeadlineAreRefusedAndTheCommitIsNot) {
  Fill({"a"});
  const auto t =
      store().Begin({.deadline = Deadline::After(clock_, std::chrono::milliseconds(10))});
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  t->Put("b", "x");
  clock_.Advance(std::chrono::milliseconds(10));
  EXPECT_EQ(t->Get("a").code(), Code::kDeadlineExceeded);
  EXPECT_EQ(t->Get("a", Reads::kSnapshot).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(t->GetMany(Keys{"a"}).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(t->Scan("a", "b", {}).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(t->ReadVersion().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(CommitCode(*t), Code::kOk);
  EXPECT_EQ(Value("b"), "x");
}

TEST_P(StoreContract, APassedDeadlineOutranksTheAgeOfTheTransaction) {
  const auto t = store().Begin({.deadline = Deadline::After(clock_, kMaxTransactionLife)});
  clock_.Advance(kMaxTransactionLife + Nanos(1));
  EXPECT_EQ(t->Get("a").code(), Code::kDeadlineExceeded);
  EXPECT_EQ(CommitCode(*t), Code::kTooOld);
}

TEST_P(StoreContract, AReadIsAtLeastOfTheVersionAskedFor) {
  for (const char* value : {"1", "2"}) {
    const Version version = Write([&](Transaction& t) { t.Put("a", value); });
    const auto t = store().Begin({.at_least = version});
    EXPECT_EQ(ValueIn(*t, "a"), value);
    EXPECT_GE(t->ReadVersion().value(), version);
    const Version read = store().Begin()->ReadVersion().value();
    EXPECT_GE(store().Begin({.at_least = read})->ReadVersion().value(), read);
  }
}

TEST_P(StoreContract, AVersionThatTheStoreHasNotReachedIsUnavailable) {
  Fill({"a"});
  const auto t = store().Begin({.at_least = std::numeric_limits<Version>::max()});
  EXPECT_EQ(t->Get("a").code(), Code::kUnavailable);
  EXPECT_EQ(t->Scan("a", "b", {}).code(), Code::kUnavailable);
  EXPECT_EQ(CommitCode(*t), Code::kUnavailable);
}

TEST_P(StoreContract, AClosedStoreIsUnavailable) {
  Fill({"a"});
  EXPECT_TRUE(store().Close().ok());
  EXPECT_EQ(Begin()->Get("a").code(), Code::kUnavailable);
  const auto t = Begin();
  t->Want(Keys{"a"}, {});
  t->Put("a", "x");
  EXPECT_EQ(CommitCode(*t), Code::kUnavailable);
  EXPECT_EQ(store().Sync().code(), Code::kUnavailable);
  EXPECT_EQ(store().Watch("a", "va", Deadline::Never(), {}).code(), Code::kUnavailable);
  EXPECT_TRUE(store().Close().ok());
}

}  // namespace tarn::kv

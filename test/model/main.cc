// Random operations on two trees, one on the file system under test, one on a file system taken as
// the model. See --help. Exit status 0: no difference; 1: a difference, printed with the seed and
// the last operations.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "outside.h"
#include "versions.h"
#include "world.h"

namespace model {
namespace {

constexpr int kColdDirectories = 200;

struct Options {
  std::string tested, model, log, hook, populate, outside, scratch, check, without;
  uint64_t late_stores = 0, drops = 0;
  uint64_t steps = 100000, seed = 1, check_every = 2000, hook_every = 0;
};

const char kUsage[] =
    "usage: tarn_model --tested DIR --model DIR [--steps N] [--seed N] [--check-every N] [--log "
    "FILE]\n"
    "                  [--hook COMMAND --hook-every N] [--without STEP,STEP,...]\n"
    "                  [--late-stores 1] [--drops 1]\n"
    "       tarn_model --tested DIR --outside SOURCE --scratch DIR [--steps N] [--seed N]\n"
    "       tarn_model --check DIR         says which files are of no version\n"
    "       tarn_model --populate DIR      makes the content that both trees must have at the "
    "start\n"
    "With --outside another program changes the source of the mount meanwhile; scratch is on its "
    "file system.\n"
    "Late stores: into mappings, where the file system under test has no passthrough. Drops: it "
    "may\n"
    "have to fetch again what it had, since its cache is small or the hook restarts it.\n"
    "The hook is run with everything closed and synced; both trees are compared after it.\n";

Options Parse(int argc, char** argv) {
  Options o;
  const std::map<std::string, std::string*> texts = {
      {"--tested", &o.tested},   {"--model", &o.model},       {"--log", &o.log},
      {"--hook", &o.hook},       {"--populate", &o.populate}, {"--outside", &o.outside},
      {"--scratch", &o.scratch}, {"--check", &o.check},       {"--without", &o.without}};
  const std::map<std::string, uint64_t*> numbers = {{"--steps", &o.steps},
                                                    {"--seed", &o.seed},
                                                    {"--check-every", &o.check_every},
                                                    {"--hook-every", &o.hook_every},
                                                    {"--late-stores", &o.late_stores},
                                                    {"--drops", &o.drops}};
  bool understood = argc % 2 == 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (texts.contains(argv[i])) {
      *texts.at(argv[i]) = argv[i + 1];
    } else if (numbers.contains(argv[i])) {
      *numbers.at(argv[i]) = strtoull(argv[i + 1], nullptr, 10);
    } else {
      understood = false;
    }
  }
  const bool two = !o.tested.empty() && (!o.model.empty() || !o.outside.empty());
  if (understood && (!o.populate.empty() || !o.check.empty() || two)) return o;
  fputs(kUsage, stderr);
  exit(2);
}

std::set<std::string> Names(const std::string& list) {
  std::set<std::string> names;
  std::istringstream in(list);
  for (std::string name; std::getline(in, name, ',');) names.insert(name);
  return names;
}

std::vector<const Step*> Deck(const std::set<std::string>& without) {
  std::vector<const Step*> deck;
  for (const auto* steps :
       {&NameSteps(), &DataSteps(), &ColdSteps(), &AttributeSteps(), &ObjectSteps()}) {
    for (const Step& step : *steps) {
      if (!without.contains(step.name)) {
        deck.insert(deck.end(), static_cast<size_t>(step.weight), &step);
      }
    }
  }
  return deck;
}

void RunHook(World& world, const std::string& command) {
  world.Settle();
  world.Note("hook: " + command);
  const int status = system(command.c_str());
  if (status != 0) world.Differ("the hook ended with status " + std::to_string(status));
  world.CompareTrees(World::Scope::kTouched);
}

// While there are many cold directories, one round in ten has a step on them, so that they last for
// the whole run.
const Step& Draw(World& world, const std::vector<const Step*>& deck, uint64_t steps) {
  const Step* step = deck[world.Below(deck.size())];
  const bool is_cold = std::string(step->name).compare(0, 5, "cold:") == 0;
  const bool early = world.cold.size() * steps < kColdDirectories * (steps - world.step);
  return is_cold && early ? *deck[0] : *step;
}

// A tree that grew large is thinned out.
void Thin(World& world) {
  for (const Step& step : NameSteps()) {
    for (int i = 0; i < 40 && std::string(step.name) == "rm -r"; ++i) step.run(world);
  }
  world.Refresh();
}

void NoteLarge(World& world) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world.At(1).root)) {
    struct stat seen;
    if (lstat(entry.path().c_str(), &seen) != 0 || !S_ISREG(seen.st_mode)) continue;
    if (seen.st_size > World::kFetchedAtOpen) world.came_large.insert(seen.st_ino);
  }
}

void Play(World& world, const Options& o) {
  world.stores_are_late = o.late_stores != 0;
  world.drops = o.drops != 0;
  NoteLarge(world);
  const std::vector<const Step*> deck = Deck(Names(o.without));
  world.Refresh();
  for (world.step = 1; world.step <= o.steps; ++world.step) {
    Draw(world, deck, o.steps).run(world);
    if (world.step % 100 == 0) world.TakeMoment();
    if (world.step % 500 == 0) world.Refresh();
    if (world.step % 500 == 0 && world.KnownCount() > 500) Thin(world);
    if (world.step % o.check_every == 0) world.CompareTrees(World::Scope::kTouched);
    if (o.hook_every != 0 && world.step % o.hook_every == 0) RunHook(world, o.hook);
  }
  world.Settle();
  world.CompareTrees(World::Scope::kEverything);
}

int Check(const std::string& directory) {
  int unreadable = 0;
  const int faults = PrintFaults(directory, &unreadable);
  printf("%d files of no version, %d unreadable\n", faults, unreadable);
  return faults == 0 ? 0 : 1;
}

int Outside(const Options& o) {
  if (!PlayWithOutside({o.tested, o.outside, o.scratch, o.steps, o.seed})) return 1;
  printf("no mixture in %lu steps, seed %lu\n", o.steps, o.seed);
  return 0;
}

}  // namespace
}  // namespace model

int main(int argc, char** argv) {
  const model::Options o = model::Parse(argc, argv);
  if (!o.populate.empty()) return model::Populate(o.populate, model::kColdDirectories), 0;
  if (!o.check.empty()) return model::Check(o.check);
  if (!o.outside.empty()) return model::Outside(o);
  model::World world({o.tested}, {o.model}, o.seed, o.log);
  for (int i = 0; i < model::kColdDirectories; ++i) world.cold.push_back(model::ColdName(i));
  model::Play(world, o);
  printf("no difference in %lu steps, seed %lu\n", o.steps, o.seed);
  return 0;
}

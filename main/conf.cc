// tarn conf: shows the properties of a running mount (--at), or those that a new process here would
// have.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "config/properties.h"
#include "main/commands.h"

namespace tarn {
namespace {

struct ConfOptions {
  std::vector<std::string> definitions;
  std::string name;
};

// The value may be a secret.
std::string NameOf(const std::string& definition) {
  return definition.substr(0, definition.find('='));
}

Result<std::vector<role::ConfigEntry>> Entries(const GlobalOptions& global,
                                               const ConfOptions& options) {
  if (!global.at.empty()) {
    if (!options.definitions.empty()) {
      return Status(Code::kInvalid, Concat("-D ", NameOf(options.definitions.front()),
                                           " has no effect on the mount at ", global.at,
                                           ", which runs already; leave out -D or --at"));
    }
    ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(global.at));
    ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(mount));
    return clients.process->Config();
  }
  ASSIGN_OR_RETURN(Properties properties, Properties::Load(ProcessSources(options.definitions)));
  for (const std::string& warning : properties.warnings()) Warn(warning);
  std::vector<role::ConfigEntry> entries;
  for (const Properties::Entry& entry : properties.List()) {
    entries.push_back({entry.name, entry.text, entry.source});
  }
  return entries;
}

std::string_view WhyNoEffect(std::string_view name) {
  const auto table = PropertyTable();
  const auto row = std::ranges::find(table, name, &PropertyRow::name);
  return row == table.end() ? std::string_view() : tarn::WhyNoEffect(*row);
}

nlohmann::json ToJson(const role::ConfigEntry& entry) {
  nlohmann::json value = {{"name", entry.name}, {"value", entry.value}, {"source", entry.source}};
  const std::string_view why = WhyNoEffect(entry.name);
  if (!why.empty()) value["no_effect"] = why;
  return value;
}

void Print(const role::ConfigEntry& entry) {
  const std::string_view why = WhyNoEffect(entry.name);
  std::printf("%s=%s  (%s)%s%.*s\n", entry.name.c_str(), entry.value.c_str(), entry.source.c_str(),
              why.empty() ? "" : "  ", static_cast<int>(why.size()), why.data());
}

Status List(const GlobalOptions& global, const ConfOptions& options) {
  ASSIGN_OR_RETURN(std::vector<role::ConfigEntry> entries, Entries(global, options));
  nlohmann::json all = nlohmann::json::array();
  for (const role::ConfigEntry& entry : entries) {
    if (global.json) {
      all.push_back(ToJson(entry));
    } else {
      Print(entry);
    }
  }
  if (global.json) std::puts(cli::Dump(all).c_str());
  return OkStatus();
}

Status Get(const GlobalOptions& global, const ConfOptions& options) {
  Properties table;  // Suggests the nearest name, and knows the alluxio. names.
  ASSIGN_OR_RETURN(Properties::Entry known, table.Find(options.name));
  ASSIGN_OR_RETURN(std::vector<role::ConfigEntry> entries, Entries(global, options));
  for (const role::ConfigEntry& entry : entries) {
    if (entry.name != known.name) continue;
    if (global.json) {
      std::puts(cli::Dump(ToJson(entry)).c_str());
    } else {
      std::puts(entry.value.c_str());
    }
    return OkStatus();
  }
  return Status(Code::kNotFound, "no property " + options.name);
}

}  // namespace

void AddConf(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* conf = app.add_subcommand("conf", "Properties: what they are and where they come from");
  conf->require_subcommand(1);
  auto options = std::make_shared<ConfOptions>();

  CLI::App* list = conf->add_subcommand("list", "List all properties, their values and sources");
  CLI::App* get = conf->add_subcommand("get", "Print the value of one property");
  get->add_option("NAME", options->name, "Such as tarn.write.cache.sync.on.close")->required();
  for (CLI::App* command : {list, get}) {
    command
        ->add_option("-D", options->definitions,
                     "Set a property first, as name=value; not with --at")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    AddCommon(*command, global);
  }
  list->callback(
      [&global, options, exit_status] { *exit_status = Finish(List(global, *options)); });
  get->callback([&global, options, exit_status] { *exit_status = Finish(Get(global, *options)); });
}

}  // namespace tarn

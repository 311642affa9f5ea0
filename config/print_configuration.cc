// Prints doc/configuration.md; the target configuration_doc writes it.

#include <cstdio>

#include "config/property.h"

int main() { return std::fputs(tarn::ConfigurationMarkdown().c_str(), stdout) < 0 ? 1 : 0; }

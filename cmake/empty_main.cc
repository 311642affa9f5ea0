// Linked with one module, whole, and its declared dependencies: proves that they suffice.
int main() { return 0; }

// Found only where no libtorch is: .cargo/config.toml names this folder as the last to search. torch-sys compiles before
// forge-worker's build script can say anything.
#error "there is no libtorch to build against: run scripts/libtorch"
// Only a header that is missing stops the compiler here, before a hundred thousand lines about what follows from it.
#include "run scripts/libtorch"

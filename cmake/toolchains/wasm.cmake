# WebAssembly with registers of 16 bytes, by Debian's emscripten; node runs it. Errors are exceptions
# of WebAssembly itself: those that emscripten makes of JavaScript's cost a call through JavaScript
# wherever something has to be destroyed.
include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)
string(APPEND CMAKE_CXX_FLAGS_INIT " -msimd128 -fwasm-exceptions -Wno-pass-failed")
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -fwasm-exceptions -sALLOW_MEMORY_GROWTH")
# Debian keeps the JavaScript that the linker uses where only Debian's node looks.
set(CMAKE_CXX_LINKER_LAUNCHER env NODE_PATH=/usr/share/nodejs)
set(CMAKE_CROSSCOMPILING_EMULATOR node)

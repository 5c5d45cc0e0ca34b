#include "sgq/io/file.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include <grp.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

namespace test_file {

using namespace sgq;
using namespace sgq::io;

namespace {

/// Runs f in a child process and returns its exit status as waitpid() tells it. The child never
/// comes back into the test program.
template <class F>
int in_child(F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      code = f();
    } catch (...) {
    }
    _exit(code);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

/// In the calling process, no file may grow beyond this: to a writer it looks like a full disk.
void limit_file_size(std::size_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
}

/// True if f() returns true within some seconds: an endless wait fails the test and no other.
template <class F>
bool in_time(F&& f) {
  const int status = in_child([&] {
    alarm(20);
    return f() ? 0 : 2;
  });
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 ? status.st_mode : 0;
}
mode_t permissions(const std::string& path) {
  return mode_of(path) & 07777;
}

std::string write_error(const std::string& path) {
  return message_of<io_error>([&] { write_file_atomically(path, "x"); });
}
std::string append_error(const std::string& path) {
  return message_of<io_error>([&] { append_line(path, "x"); });
}

std::size_t files_in(const TempDir& dir) {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) n += entry.exists();
  return n;
}

} // namespace

TEST_CASE("A user's own x.tmp is no business of x", "[io]") {
  TempDir dir;
  io::write_file_atomically(dir / "notes.tmp", "mine");
  io::write_file_atomically(dir / "notes", "written");
  CHECK(io::read_file(dir / "notes.tmp") == "mine");
}

TEST_CASE("What was written is read back", "[io]") {
  const TempDir dir;
  for (std::size_t size : {0u, 1u, 4095u, 4096u, 100'000u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * i);
    write_file_atomically(dir / "file", bytes);
    CHECK(read_file(dir / "file") == bytes);
    CHECK(read_file(dir / "file", size) == bytes);
  }
  CHECK(files_in(dir) == 1);                       // no temporary file stays
  CHECK(read_file("/proc/self/stat").size() > 10); // a file that says it is empty
}

TEST_CASE("A file that cannot be read is an error that names it", "[io]") {
  const TempDir dir;
  const std::string missing = dir / "missing";
  CHECK(message_of<io_error>([&] { read_file(missing); }) ==
        "read '" + missing + "': expected a readable file, got No such file or directory");
  CHECK(contains(message_of<io_error>([&] { read_file(dir.path()); }), "got a directory"));
  CHECK(contains(message_of<io_error>([&] { read_file("/dev/zero"); }), "a regular file"));

  const std::string pipe = dir / "pipe"; // nobody writes into it: must not wait
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(message_of<io_error>([&] { read_file(pipe); }), "a regular file"));

  const std::string sparse = dir / "sparse"; // a terabyte on paper
  write_file_atomically(sparse, "x");
  REQUIRE(truncate(sparse.c_str(), off_t{1} << 40) == 0);
  CHECK(contains(message_of<io_error>([&] { read_file(sparse); }), "1099511627776"));
  CHECK(contains(message_of<io_error>([&] { read_file("/proc/self/stat", 5); }), "at most 5"));
}

TEST_CASE("A file that cannot be written is an error, and nothing is left of it", "[io]") {
  const TempDir dir;
  const std::string lost = dir / "no/such/file";
  CHECK(message_of<io_error>([&] { write_file_atomically(lost, "x"); }) ==
        "write '" + lost + "': expected a writable '" + lost +
            ".sgq-tmp', got No such file or directory");

  std::filesystem::create_directory(dir / "folder");
  write_file_atomically(dir / "folder/file", "x");
  CHECK(contains(message_of<io_error>([&] { write_file_atomically(dir / "folder", "x"); }),
                 "directory"));
  CHECK(files_in(dir) == 1);

  std::filesystem::create_symlink(dir / "elsewhere", dir / "file.sgq-tmp");
  CHECK_SAYS(write_file_atomically(dir / "file", "x"), io_error, "file.sgq-tmp",
             std::generic_category().message(ELOOP));
  CHECK(!std::filesystem::exists(dir / "elsewhere"));
}

TEST_CASE("What is no file is refused, or written into, but not replaced", "[io]") {
  const TempDir dir;
  const std::string pipe = dir / "pipe", folder = dir / "folder";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::filesystem::create_directory(folder);
  for (const auto& error : {write_error, append_error}) {
    CHECK(in_time([&] {
      return contains(error(pipe), "'" + pipe + "': expected a regular file, got a named pipe");
    }));
    CHECK(contains(error(folder), "expected a regular file, got a directory"));
    CHECK(error("/dev/null") == "");
    CHECK(contains(error("/dev/full"), "No space left on device"));
  }
  CHECK(S_ISFIFO(mode_of(pipe)));
  CHECK(S_ISCHR(mode_of("/dev/null")));
  std::filesystem::create_symlink(pipe, dir / "link");
  CHECK(contains(write_error(dir / "link"), "got a named pipe"));
  CHECK(contains(message_of<io_error>([&] { check_writable(pipe); }), "got a named pipe"));
  CHECK_NOTHROW(check_writable(dir / "none"));

  REQUIRE(mkfifo((dir / "file.sgq-tmp").c_str(), 0600) == 0);
  CHECK(in_time([&] { return contains(write_error(dir / "file"), "file.sgq-tmp"); }));
  const Descriptor reader(dir / "file.sgq-tmp", O_RDONLY); // now the pipe can be opened for writing
  CHECK(in_time([&] { return contains(write_error(dir / "file"), "got a named pipe"); }));
  CHECK(S_ISFIFO(mode_of(dir / "file.sgq-tmp")));
  CHECK(mode_of(dir / "file") == 0);
}

TEST_CASE("A device in a folder of one's own is written into, not replaced", "[io]") {
  const TempDir dir;
  const std::string null = dir / "null";
  if (mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) {
    WARN("skipped: needs root");
    return;
  }
  CHECK(write_error(null) == "");
  CHECK(append_error(null) == "");
  CHECK(S_ISCHR(mode_of(null)));
  CHECK(files_in(dir) == 1);
}

TEST_CASE("Behind a symbolic link the file is replaced, and the link stays", "[io]") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "a");
  write_file_atomically(dir / "a/file", "old");
  std::filesystem::create_symlink("a/file", dir / "relative");
  std::filesystem::create_symlink(dir / "relative", dir / "link");
  write_file_atomically(dir / "link", "new");
  CHECK(read_file(dir / "a/file") == "new");
  append_line(dir / "link", "er");
  CHECK(read_file(dir / "a/file") == "new\ner\n");
  CHECK(S_ISLNK(mode_of(dir / "link")));
  CHECK(S_ISLNK(mode_of(dir / "relative")));

  std::filesystem::create_symlink("a/later", dir / "dangling");
  write_file_atomically(dir / "dangling", "made");
  CHECK(read_file(dir / "a/later") == "made");
  std::filesystem::create_symlink("circle", dir / "circle");
  CHECK(contains(write_error(dir / "circle"), "symbolic links"));
}

TEST_CASE("A file that is replaced keeps its permissions, owner and group", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file";
  write_file_atomically(path, "old");
  for (mode_t mode : {0600u, 0640u, 0606u, 0755u}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    write_file_atomically(path, "new");
    CHECK(permissions(path) == mode);
    append_line(path, "more");
    CHECK(permissions(path) == mode);
  }
  if (geteuid() != 0 || chown(path.c_str(), 12345, 54321) != 0) {
    WARN("owner and group: skipped, needs root");
    return;
  }
  REQUIRE(chmod(path.c_str(), 0660) == 0);
  write_file_atomically(path, "new");
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == 12345);
  CHECK(status.st_gid == 54321);
  CHECK(permissions(path) == 0660);
  // Its owner may not give it to that group, so another group would get what it had.
  REQUIRE(chmod(dir.path().c_str(), 0777) == 0);
  CHECK(in_time([&] {
    return setgroups(0, nullptr) == 0 && setgid(4) == 0 && setuid(12345) == 0 &&
           write_error(path) == "";
  }));
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK(status.st_gid == 4);
  CHECK(permissions(path) == 0600);
}

TEST_CASE("A read-only file is refused, to root too", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file";
  write_file_atomically(path, "old");
  REQUIRE(chmod(path.c_str(), 0444) == 0);
  for (const auto& error : {write_error, append_error})
    CHECK(contains(error(path), "expected a file that may be written, got a read-only one"));
  CHECK(read_file(path) == "old");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("A temporary file is never open to more people than the file", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file", temporary = path + ".sgq-tmp";
  write_file_atomically(path, "old");
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  const auto open = [&] {
    return sgq::io::detail::open_temporary(path, temporary,
                                           sgq::io::detail::target_of("write", path));
  };
  { const Descriptor fresh = open(); }
  CHECK(permissions(temporary) == 0600);
  // One that a killed run left, wider, empty or not; and somebody has it open.
  for (const char* left : {"", "left"}) {
    std::filesystem::remove(temporary);
    write_file_atomically(temporary, left);
    REQUIRE(chmod(temporary.c_str(), 0666) == 0);
    { const Descriptor taken_over = open(); }
    CHECK(permissions(temporary) == 0600);
  }
  std::filesystem::remove(temporary);
  write_file_atomically(temporary, "left");
  const Descriptor spy(temporary, O_RDONLY);
  write_file_atomically(path, "secret");
  char seen[10] = "";
  CHECK(pread(spy.get(), seen, sizeof seen, 0) == 4);
  CHECK(std::string(seen) == "left");
  // A second name of another file is not written through.
  write_file_atomically(dir / "other", "other");
  std::filesystem::create_hard_link(dir / "other", temporary);
  write_file_atomically(path, "new");
  CHECK(read_file(dir / "other") == "other");
  CHECK(read_file(path) == "new");
}

TEST_CASE("On a full disk the old file stays", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file", old = "old contents\n";
  write_file_atomically(path, old);
  const int status = in_child([&] {
    limit_file_size(1000);
    const std::string big(5000, 'n');
    if (!contains(message_of<io_error>([&] { write_file_atomically(path, big); }),
                  "expected 5000 bytes stored, got File too large"))
      return 2;
    return 0;
  });
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(WIFEXITED(status));
  CHECK(read_file(path) == old);
  CHECK(files_in(dir) == 1);
}

TEST_CASE("A temporary file of a killed run is taken over", "[io]") {
  const TempDir dir;
  {
    const Descriptor left(dir / "file.sgq-tmp", O_WRONLY | O_CREAT);
    REQUIRE(sgq::io::detail::write_all(left.get(), std::string(1000, 'x')));
  }
  write_file_atomically(dir / "file", "short");
  CHECK(read_file(dir / "file") == "short");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("A writer killed at any moment leaves the old or the new file", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file";
  const std::string a(150'000, 'a'), b(90'000, 'b');
  write_file_atomically(path, a);
  int seen_a = 0, seen_b = 0;
  // Forty kills; on a slow disk more and later ones, until both contents have been met.
  for (unsigned round = 0; round < 40 || (round < 400 && !(seen_a && seen_b)); ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (alarm(30);;) { // ends by itself if this test is ended
          write_file_atomically(path, b);
          write_file_atomically(path, a);
        }
      } catch (...) {
        _exit(1);
      }
    }
    usleep(500 + round * 337 % 4000 * (1 + round / 40));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const std::string got = read_file(path);
    CHECK((got == a || got == b));
    seen_a += got == a;
    seen_b += got == b;
  }
  CHECK(seen_a > 0); // the kills did come at different moments
  CHECK(seen_b > 0);
  write_file_atomically(path, "end");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("Two writers of one file do not mix their bytes", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file";
  std::vector<std::thread> writers;
  for (char c : {'a', 'b', 'c'})
    writers.emplace_back([&path, c] {
      for (std::size_t i = 0; i < 30; ++i)
        write_file_atomically(path, std::string(1000 * (i + 1), c));
    });
  for (std::thread& w : writers) w.join();
  const std::string got = read_file(path);
  CHECK(got.size() == 30'000);
  CHECK(got == std::string(got.size(), got[0]));
  CHECK(files_in(dir) == 1);
}

TEST_CASE("Lines are added whole", "[io]") {
  const TempDir dir;
  const std::string path = dir / "rows.jsonl";
  append_line(path, "one");
  append_line(path, "");
  append_line(path, "three");
  CHECK_SAYS(append_line(path, "two\nlines"), io_error, "one line", "several");
  CHECK(read_file(path) == "one\n\nthree\n");

  write_file_atomically(path, "one\ntorn"); // the next row must not be glued to it
  append_line(path, "two");
  CHECK(read_file(path) == "one\ntorn\ntwo\n");
  CHECK(contains(message_of<io_error>([&] { append_line(dir.path(), "x"); }), "directory"));
  CHECK(contains(message_of<io_error>([&] { append_line("/dev/full", "x"); }),
                 "No space left on device"));
}

TEST_CASE("A line that does not fit leaves the file as it was", "[io]") {
  const TempDir dir;
  const std::string path = dir / "rows.jsonl";
  append_line(path, "finished row");
  const int status = in_child([&] {
    limit_file_size(100);
    const std::string row(500, 'r');
    return contains(message_of<io_error>([&] { append_line(path, row); }), "File too large") ? 0
                                                                                             : 2;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_file(path) == "finished row\n");
}

TEST_CASE("A path that names no file is refused", "[io]") {
  const TempDir dir;
  write_file_atomically(dir / "good", "good");
  const std::string cut = dir / "good" + std::string("\0evil", 5);
  CHECK(contains(message_of<io_error>([&] { read_file(cut); }), "zero byte"));
  for (const auto& error : {write_error, append_error}) CHECK(contains(error(cut), "zero byte"));
  const Descriptor good(dir / "good", O_RDWR);
  CHECK(contains(write_error("/proc/self/fd/" + to_text(good.get())), "a link of /proc"));
  CHECK(read_file(dir / "good") == "good");
  for (const std::string& path : {std::string(), dir.path() + "/"}) {
    CHECK_SAYS(check_writable(path), io_error, "write '" + path + "'", "the name of a file");
    CHECK_SAYS(write_file_atomically(path, "x"), io_error, "write '" + path + "'",
               "the name of a file");
  }
}

} // namespace test_file

internal import CSystem
internal import Glibc

/// What the system says about this process.
struct ProcessFigures: Sendable {
  /// Bytes in memory.
  var residentMemory = 0
  /// Bytes of addresses.
  var virtualMemory = 0
  /// Seconds of processor time, of the program and of the system for it.
  var processorSeconds = 0.0
  /// Open file descriptors, and how many there may be.
  var descriptors = 0
  var maximumDescriptors = 0
  /// Seconds since 1970 when the process started.
  var startTime = 0.0

  /// As they are now.
  static var now: ProcessFigures {
    var figures = ProcessFigures()
    (figures.virtualMemory, figures.residentMemory) = memory
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    figures.processorSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    figures.maximumDescriptors = Int(clamping: limit.rlim_cur)
    figures.descriptors = countDescriptors()
    figures.startTime = started
    return figures
  }

  /// Bytes of addresses and bytes in memory, without a look at the rest.
  static var memory: (virtual: Int, resident: Int) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let pages = numbers(of: "/proc/self/statm")
    return pages.count > 1 ? (pages[0] * page, pages[1] * page) : (0, 0)
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  private static func countDescriptors() -> Int {
    guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
    defer { unsafe closedir(folder) }
    var count = 0
    while unsafe readdir(folder) != nil { count += 1 }
    // Without `.`, `..` and the folder's own.
    return max(0, count - 3)
  }

  /// The start of this process, from the system's start and the ticks since then.
  private static let started: Double = {
    let fields = text(of: "/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 19, let ticks = Double(fields[19]) else { return 0 }
    return Double(apus_start_of_system()) / 1e9 + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }()

  private static func numbers(of path: String) -> [Int] {
    text(of: path).split(separator: " ").compactMap { Int($0) }
  }

  private static func text(of path: String) -> String {
    let descriptor = unsafe apus_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

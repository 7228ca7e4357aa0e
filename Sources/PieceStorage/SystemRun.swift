internal import CSystem
internal import Glibc

/// One run of the operating system, from its start to its end: what it has in memory only, a killed
/// process leaves behind and a power cut does not.
package struct SystemRun: Sendable {
  /// Tells it from other runs.
  package var name: [UInt8]
  /// When it began, nanoseconds since 1970 by the present clock; 0 if that is not known.
  package var start: Int64

  /// A run, for tests.
  package init(name: [UInt8], start: Int64) {
    self.name = name
    self.start = start
  }

  /// The present run. Without a name where the system gives none: every kill then looks like one
  /// within the same run.
  package static var current: SystemRun {
    var name = [UInt8](repeating: 0, count: 64)
    var count = 0
    let descriptor = unsafe apus_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0)
    if descriptor >= 0 {
      count = unsafe read(descriptor, &name, name.count)
      Glibc.close(descriptor)
    }
    return SystemRun(name: Array(name.prefix(max(0, count))), start: apus_start_of_system())
  }
}

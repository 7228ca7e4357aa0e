import CSystem
import Glibc

/// The service manager that started this process, if it wants to hear of it: systemd's protocol of `NOTIFY_SOCKET`.
struct ServiceManager: Sendable {
  private let socket: String?
  /// Seconds between two life signs, half of what is asked for; `nil` if none are.
  let watchdogPause: Double?

  init(_ environment: [String: String]) {
    socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
    let limit = environment["WATCHDOG_USEC"].flatMap(Double.init)
    watchdogPause = socket != nil && isOurs ? limit.map { max(0.05, $0 / 2e6) } : nil
  }

  /// Tells it something, such as `READY=1`; whether it hears does not matter.
  func tell(_ text: String) {
    guard let socket else { return }
    unsafe apus_notify_manager(socket, text)
  }
}

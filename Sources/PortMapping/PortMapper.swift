internal import Addresses
private import Glibc
internal import Synchronization
internal import Threads

/// Keeps ports of ours mapped at the router for as long as it runs: finds the router, renews, tries again, and takes
/// everything back at the end. Its calls return at once; what waits is done on a thread of its own.
public final class PortMapper: Sendable {
  private struct State {
    var mappings: [PortMapping] = []
    var isStopping = false
    var isDone = false
    var whenDone: [CheckedContinuation<Void, Never>] = []
  }

  private let options: PortMapperOptions
  private let changed: @Sendable ([PortMapping]) -> Void
  private let state = Mutex(State())
  /// A pipe: what is written to the second end wakes the thread.
  private let bell: (hear: Int32, ring: Int32)

  /// Starts; `changed` is called on the thread whenever the mappings are others than before.
  public init(_ options: PortMapperOptions, changed: @escaping @Sendable ([PortMapping]) -> Void) {
    self.options = options
    self.changed = changed
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    bell = (ends[0], ends[1])
    _ = WorkerThread(name: "ports") { self.run() }
  }

  deinit {
    close(bell.hear)
    close(bell.ring)
  }

  /// What is mapped now.
  public var mappings: [PortMapping] { state.withLock(\.mappings) }

  /// Begins to take the mappings back; the thread ends after that. Idempotent.
  public func stop() {
    let isFirst = state.withLock { state in
      defer { state.isStopping = true }
      return !state.isStopping
    }
    if isFirst { _ = unsafe write(bell.ring, [1], 1) }
  }

  /// Waits until everything was taken back, at most so long. To be called after `stop`.
  public func waitUntilStopped(within seconds: Double) async {
    let limit = Task {
      try? await Task.sleep(nanoseconds: UInt64(max(0, seconds) * 1e9))
      finish(isDone: false)
    }
    await withCheckedContinuation { continuation in
      let isDone = state.withLock { state in
        if !state.isDone { state.whenDone.append(continuation) }
        return state.isDone
      }
      if isDone { continuation.resume() }
    }
    limit.cancel()
  }

  private func finish(isDone: Bool) {
    let waiting = state.withLock { state in
      state.isDone = state.isDone || isDone
      defer { state.whenDone = [] }
      return state.whenDone
    }
    for continuation in waiting { continuation.resume() }
  }

  // MARK: The thread

  private func run() {
    var plan = MappingPlan(options.ports)
    var gateway: (any Gateway)?
    while !state.withLock(\.isStopping) {
      switch plan.next(now: Self.now) {
      case .wait(let until): sleep(until: until)
      case .search:
        gateway = find()
        plan.searched(found: gateway != nil, now: Self.now)
      case .map(let port, let external):
        if let lease = gateway?.map(port, external: external, life: options.lease) {
          plan.mapped(port, to: lease.external, life: lease.life, now: Self.now)
        } else {
          plan.failed(port, now: Self.now)
        }
        tell(plan, gateway)
      }
    }
    for mapping in plan.open { gateway?.unmap(mapping.port, external: mapping.external) }
    state.withLock { $0.mappings = [] }
    finish(isDone: true)
  }

  private func find() -> (any Gateway)? {
    for method in options.methods where !state.withLock(\.isStopping) {
      switch method {
      case .natpmp: if let found = NATPMPGateway(at: options.gateway) { return found }
      case .upnp:
        if let found = UPnPGateway(describedAt: options.descriptionURL, address: options.address) {
          return found
        }
      }
    }
    return nil
  }

  private func tell(_ plan: MappingPlan, _ gateway: (any Gateway)?) {
    let before = state.withLock(\.mappings)
    let address = plan.open.isEmpty ? nil : gateway?.externalAddress()
    let method = gateway?.method ?? .upnp
    let present = plan.open.map {
      PortMapping(
        transport: $0.port.transport, port: $0.port.number, externalPort: $0.external,
        externalAddress: address,
        method: method)
    }
    guard present != before else { return }
    state.withLock { $0.mappings = present }
    changed(present)
  }

  private static var now: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Sleeps until then, or until the bell rings.
  private func sleep(until instant: Double) {
    let milliseconds = min(max((instant - Self.now) * 1000, 0) + 1, 3_600_000)
    var watched = pollfd(fd: bell.hear, events: Int16(POLLIN), revents: 0)
    unsafe poll(&watched, 1, Int32(milliseconds))
  }
}

public import Addresses
internal import CSystem
internal import Glibc
internal import Synchronization

/// The one interface that sockets are to use, or the one address. Thread-safe.
///
/// Fails closed: a socket that cannot be tied to the interface is not made, also when the interface is gone or has no
/// address of the socket's family. Sockets that exist are tied to it by the system (SO_BINDTODEVICE): what they send
/// leaves through it or not at all. Where the system does not let us do that (Linux before 5.7, without CAP_NET_RAW),
/// sockets are bound to an address of the interface, and the system's routes decide.
public final class SocketBinding: Sendable {
  /// What has become of the interface.
  public enum Change: Sendable {
    /// Nothing that matters.
    case none
    /// It is gone, or has no address any more.
    case lost
    /// It is there again.
    case found
    /// It is there, but it is another one, or an address of it is gone: sockets that were made before are of no use.
    case replaced
  }

  private struct State {
    var device = ""
    var index: UInt32 = 0
    var addresses: [IPAddress] = []
    /// Whether the system ties sockets to interfaces for us.
    var isTied = true
  }

  /// The interface or the address, as it was given.
  public let name: String
  private let wanted: IPAddress?
  private let state = Mutex(State())

  /// Sockets are to use the interface of this name, or the address that it spells.
  public init(_ name: String) {
    self.name = name
    wanted = IPAddress(name)
    refresh()
  }

  /// Whether the interface is there and has an address.
  public var isUp: Bool { state.withLock { !$0.addresses.isEmpty } }

  /// Its addresses that can be used; none if it is not there.
  public var addresses: [IPAddress] { state.withLock(\.addresses) }

  /// The name of the interface; empty if it is not there.
  public var device: String { state.withLock(\.device) }

  /// Looks at the system's interfaces again. A few system calls.
  @discardableResult
  public func refresh() -> Change {
    let all = NetworkInterface.all()
    let device = wanted.map { wanted in all.first { $0.address == wanted }?.name } ?? name
    let mine = all.filter { interface in
      wanted.map { interface.address == $0 } ?? (interface.name == device && !interface.address.isLinkLocalV6)
    }
    return state.withLock { state in
      let before = state
      state.addresses = mine.map(\.address)
      state.index = mine.first?.index ?? 0
      state.device = mine.first?.name ?? ""
      if before.addresses.isEmpty { return state.addresses.isEmpty ? .none : .found }
      if state.addresses.isEmpty { return .lost }
      let isSame = before.index == state.index && before.addresses.allSatisfy { state.addresses.contains($0) }
      return isSame ? .none : .replaced
    }
  }

  /// Whether an address of ours may be used.
  public func has(_ address: IPAddress) -> Bool { state.withLock { $0.addresses.contains(address) } }

  /// Ties a socket to the interface, before it is bound or connected. Returns the address that it is to be bound to:
  /// `source`, or one of the interface where that is necessary, or `nil` if the system may choose one.
  func tie(_ descriptor: Int32, isV4: Bool, source: IPAddress?) throws(SocketError) -> IPAddress? {
    let present = state.withLock { $0 }
    let source = source.flatMap { $0.isUnspecified ? nil : $0 }
    guard let own = present.addresses.first(where: { $0.isV4 == isV4 }) else {
      throw SocketError("use \(name)", code: ENETDOWN)
    }
    if present.isTied {
      if unsafe apus_bind_device(descriptor, present.device) == 0 { return wanted ?? source }
      let code = apus_errno()
      guard code == EPERM else { throw SocketError("use \(name)", code: code) }
      state.withLock { $0.isTied = false }
    }
    guard let source else { return own }
    guard present.addresses.contains(source) else {
      throw SocketError("use \(source) on \(name)", code: EADDRNOTAVAIL)
    }
    return source
  }
}

extension IPAddress {
  /// `fe80::/10`: means nothing without its interface.
  fileprivate var isLinkLocalV6: Bool { !isV4 && network >> 54 == 0x3fa }
}

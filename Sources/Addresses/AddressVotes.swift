/// Our own addresses as others see them: nodes of the DHT (BEP 42, `ip`), peers (BEP 10, `yourip`), trackers (BEP 24,
/// `external ip`). Anybody can say anything, so that a network has one voice, the latest voices count, and several
/// have to agree; a new address needs twice as many voices as the present one.
public struct AddressVotes: Sendable {
  private struct Vote {
    let voice: UInt64
    let address: IPAddress
  }

  private static let memory = 24
  /// Voices that are needed.
  private let quorum: Int
  private var votes: [Vote] = []
  private var v4: IPAddress?
  private var v6: IPAddress?

  /// No votes yet; `quorum` voices are needed.
  public init(quorum: Int) { self.quorum = quorum }

  /// What most say of a family.
  public func winner(isV4: Bool) -> IPAddress? { isV4 ? v4 : v6 }

  /// Notes what somebody at an address says; true if the winner changes by it. A voter in our own network sees an
  /// address that holds only there, and one over the other family sees none of this one.
  public mutating func vote(_ address: IPAddress, by voter: IPAddress) -> Bool {
    guard !voter.isLocal, address.isV4 == voter.isV4 else { return false }
    return vote(address, voice: voter.isV4 ? voter.subnet : voter.subnet | 1 << 63)
  }

  /// Notes what somebody says who is told from others by a number of his own; true if the winner changes by it.
  public mutating func vote(_ address: IPAddress, voice: UInt64) -> Bool {
    guard !address.isLocal, !address.isUnspecified, !address.isMulticast else { return false }
    let isV4 = address.isV4
    votes.removeAll { $0.voice == voice && $0.address.isV4 == isV4 }
    votes.append(Vote(voice: voice, address: address))
    if votes.count(where: { $0.address.isV4 == isV4 }) > Self.memory,
      let oldest = votes.firstIndex(where: { $0.address.isV4 == isV4 })
    {
      votes.remove(at: oldest)
    }
    let winner = winner(isV4: isV4)
    guard address != winner else { return false }
    let count = votes.count { $0.address == address }
    let present = votes.count { $0.address == winner }
    guard count >= quorum, count >= 2 * present else { return false }
    if isV4 { v4 = address } else { v6 = address }
    return true
  }
}

extension IPAddress {
  /// Whether the address is of this machine or of a private network: who has one is not held to rules that are made
  /// against strangers with many addresses.
  public var isLocal: Bool { isPrivate || isLoopback }

  /// The network that one person is taken to have: an IPv4 /24, an IPv6 /64.
  public var subnet: UInt64 { isV4 ? UInt64(v4 >> 8) : network }
}

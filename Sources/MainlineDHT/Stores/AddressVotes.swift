import Addresses

/// Learns our own address from what other nodes say that they see (BEP 42, `ip`). One voice an address, and
/// few of one network; a new address needs several and twice as many as the present one.
struct AddressVotes: Sendable {
  static let quorum = 4
  private static let memory = 24

  private var votes: [(voter: IPAddress, address: IPAddress)] = []
  /// What most say.
  private(set) var winner: IPAddress?

  /// Notes what a node says; true if the winner changes by it.
  mutating func vote(_ address: IPAddress, by voter: IPAddress) -> Bool {
    // A node in our own network sees an address that holds only there.
    guard !address.isLocal, !address.isUnspecified, !address.isMulticast, !voter.isLocal,
      address.isV4 == voter.isV4
    else { return false }
    votes.removeAll { $0.voter.subnet == voter.subnet }
    votes.append((voter, address))
    if votes.count > Self.memory { votes.removeFirst() }
    guard address != winner else { return false }
    let count = votes.count { $0.address == address }
    let present = votes.count { $0.address == winner }
    guard count >= Self.quorum, count >= 2 * present else { return false }
    winner = address
    return true
  }
}

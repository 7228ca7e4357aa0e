import Addresses

/// Our address as others see it. Peers say what they see (BEP 10 `yourip`); each of the last few has one vote, and
/// one alone is not believed, since anybody can say anything.
struct AddressVotes {
  private static let limit = 16
  private var votes: [(voter: IPAddress, address: IPAddress)] = []

  /// `voter` sees us at `address`.
  mutating func vote(_ address: IPAddress, from voter: IPAddress) {
    guard !address.isUnspecified, !address.isMulticast, address.isV4 == voter.isV4 else { return }
    votes.removeAll { $0.voter == voter }
    if votes.count >= Self.limit { votes.removeFirst() }
    votes.append((voter, address))
  }

  /// What most of at least two say of a family, if they agree.
  func address(isV4: Bool) -> IPAddress? {
    let family = votes.filter { $0.address.isV4 == isV4 }
    for vote in family {
      let agreeing = family.count { $0.address == vote.address }
      if agreeing >= 2, agreeing * 2 > family.count { return vote.address }
    }
    return nil
  }
}

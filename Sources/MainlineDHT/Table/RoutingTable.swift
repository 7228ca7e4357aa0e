import Addresses

/// The nodes that a node knows: many near its own id, few far away (BEP 5).
///
/// Bucket *i* has the nodes whose ids share exactly *i* bits with our own, the last one all that share more;
/// only that one is ever split. Bounded: 8 nodes and 8 in reserve a bucket. Of strangers' addresses there is
/// one node an address, and few of one /24 or /64 in a bucket and in the table, so that nobody fills it with
/// what he has at hand.
struct RoutingTable: Sendable {
  /// Nodes a bucket: BEP 5's K.
  static let bucketSize = 8
  /// Nodes in reserve a bucket.
  static let reserveSize = 8
  /// Nodes of one /24 or /64 in a bucket, and in the whole table.
  static let subnetLimits = (bucket: 1, table: 4)
  /// Unanswered queries after which a node goes, though nobody takes its place.
  static let failureLimit = 3
  /// Seconds without a word after which a node is asked whether it is still there.
  static let staleAfter = 900.0

  let own: NodeID
  private(set) var buckets: [Bucket]
  /// Nodes at each address, and of each network, buckets' own ones only; strangers only.
  private var addresses: [IPAddress: NodeID] = [:]
  private var subnets: [UInt64: Int] = [:]

  init(own: NodeID, now: Double) {
    self.own = own
    buckets = [Bucket(refreshedAt: now)]
  }

  /// Nodes in buckets.
  var count: Int { buckets.reduce(0) { $0 + $1.contacts.count } }

  /// All nodes in buckets, the nearest bucket first.
  var contacts: [Contact] { buckets.reversed().flatMap(\.contacts) }

  func index(of id: NodeID) -> Int { min(own.commonPrefix(with: id), buckets.count - 1) }

  func contact(_ id: NodeID) -> Contact? {
    buckets[index(of: id)].contacts.first { $0.id == id }
  }

  /// Whether a node that is not known by now would be taken in if it answered: worth a ping.
  func hasRoom(for node: NodeAddress) -> Bool {
    let bucket = buckets[index(of: node.id)]
    guard node.id != own, !bucket.contacts.contains(where: { $0.id == node.id }) else { return false }
    let mayGrow = bucket.contacts.count < Self.bucketSize || index(of: node.id) == buckets.count - 1
    return (mayGrow || bucket.contacts.contains { $0.failures > 0 })
      && isAllowed(node, in: bucket)
  }

  /// A node has answered a query of ours.
  mutating func answered(_ node: NodeAddress, now: Double) {
    guard node.id != own else { return }
    let place = index(of: node.id)
    if let known = buckets[place].contacts.firstIndex(where: { $0.id == node.id }) {
      // Another address under a known name: the one that has proved itself stays while it answers.
      guard buckets[place].contacts[known].endpoint == node.endpoint else { return }
      buckets[place].contacts[known].answeredAt = now
      buckets[place].contacts[known].heardAt = now
      buckets[place].contacts[known].failures = 0
      return
    }
    insert(Contact(node, now: now), now: now)
  }

  /// A node has asked us something; that alone keeps known ones only.
  mutating func heard(_ node: NodeAddress, now: Double) {
    let place = index(of: node.id)
    guard let known = buckets[place].contacts.firstIndex(where: { $0.address == node }) else { return }
    buckets[place].contacts[known].heardAt = now
  }

  /// A node has not answered. Returns one of the reserve that may take its place if it answers.
  mutating func failed(_ node: NodeAddress) -> NodeAddress? {
    let place = index(of: node.id)
    buckets[place].reserve.removeAll { $0.address == node }
    guard let known = buckets[place].contacts.firstIndex(where: { $0.address == node }) else { return nil }
    buckets[place].contacts[known].failures += 1
    if buckets[place].contacts[known].failures >= Self.failureLimit { remove(at: known, of: place) }
    return buckets[place].reserve.popLast()?.address
  }

  /// A node turned out to be another than it said: it goes at once.
  mutating func remove(_ node: NodeAddress) {
    let place = index(of: node.id)
    buckets[place].reserve.removeAll { $0.address == node }
    guard let known = buckets[place].contacts.firstIndex(where: { $0.address == node }) else { return }
    remove(at: known, of: place)
  }

  /// Up to `count` nodes that are nearest to `target`, nearest first; those that did not answer lately last.
  /// O(n log n) in the nodes of the table, some 100.
  func closest(to target: NodeID, count: Int) -> [NodeAddress] {
    var found: [(distance: NodeID, node: NodeAddress)] = []
    found.reserveCapacity(4 * Self.bucketSize)
    // The bucket of the target has the nearest; then come those nearer to us, then those further away.
    let start = index(of: target)
    func add(_ bucket: Bucket) {
      for contact in bucket.contacts where contact.failures < 2 {
        found.append((contact.id.distance(to: target), contact.address))
      }
    }
    for bucket in buckets[start...] { add(bucket) }
    for bucket in buckets[..<start].reversed() {
      if found.count >= count { break }
      add(bucket)
    }
    found.sort { $0.distance < $1.distance }
    return found.prefix(count).map(\.node)
  }

  /// The node that has been silent for longest, if that is longer than `seconds`.
  func stalest(after seconds: Double, now: Double) -> NodeAddress? {
    var stalest: Contact?
    for bucket in buckets {
      for contact in bucket.contacts where now - contact.answeredAt > seconds {
        if let found = stalest, found.answeredAt <= contact.answeredAt { continue }
        stalest = contact
      }
    }
    return stalest?.address
  }

  /// The bucket whose range was not looked through for longest.
  func oldestBucket() -> (index: Int, refreshedAt: Double) {
    var oldest = (index: 0, refreshedAt: Double.infinity)
    for (index, bucket) in buckets.enumerated() where bucket.refreshedAt < oldest.refreshedAt {
      oldest = (index, bucket.refreshedAt)
    }
    return oldest
  }

  /// A look-up goes through the range of this bucket now.
  mutating func refreshed(_ index: Int, now: Double) { buckets[index].refreshedAt = now }

  // MARK: Taking in

  private mutating func insert(_ contact: Contact, now: Double) {
    let place = index(of: contact.id)
    var bucket = buckets[place]
    guard isAllowed(contact.address, in: bucket) else { return }
    if bucket.contacts.count < Self.bucketSize {
      bucket.reserve.removeAll { $0.id == contact.id }
      bucket.contacts.append(contact)
      buckets[place] = bucket
      count(contact, 1)
    } else if place == buckets.count - 1, place < NodeID.bitCount - 1 {
      split(now: now)
      insert(contact, now: now)
    } else if let index = victim(in: bucket, for: contact) {
      remove(at: index, of: place)
      buckets[place].contacts.append(contact)
      count(contact, 1)
    } else {
      buckets[place].keep(contact, limit: Self.reserveSize)
    }
  }

  /// Who gives way to a newcomer: one that does not answer, or one whose id does not belong to its address
  /// if the newcomer's does.
  private func victim(in bucket: Bucket, for contact: Contact) -> Int? {
    bucket.contacts.indices.max { bucket.contacts[$0].failures < bucket.contacts[$1].failures }
      .flatMap { bucket.contacts[$0].failures > 0 ? $0 : nil }
      ?? (contact.isSecure ? bucket.contacts.firstIndex { !$0.isSecure } : nil)
  }

  private mutating func split(now: Double) {
    let old = buckets.removeLast()
    let prefix = buckets.count
    var (far, near) = (Bucket(refreshedAt: old.refreshedAt), Bucket(refreshedAt: old.refreshedAt))
    for contact in old.contacts {
      if own.commonPrefix(with: contact.id) == prefix {
        far.contacts.append(contact)
      } else {
        near.contacts.append(contact)
      }
    }
    for contact in old.reserve where own.commonPrefix(with: contact.id) == prefix {
      far.reserve.append(contact)
    }
    buckets += [far, near]
  }

  private func isAllowed(_ node: NodeAddress, in bucket: Bucket) -> Bool {
    let address = node.endpoint.address
    guard !address.isLocal else { return !bucket.contacts.contains { $0.endpoint == node.endpoint } }
    guard addresses[address] == nil else { return false }
    let neighbours = bucket.contacts.lazy.filter {
      !$0.endpoint.address.isLocal && $0.endpoint.address.subnet == address.subnet
    }
    return neighbours.count < Self.subnetLimits.bucket
      && subnets[address.subnet, default: 0] < Self.subnetLimits.table
  }

  private mutating func remove(at index: Int, of place: Int) {
    count(buckets[place].contacts.remove(at: index), -1)
  }

  private mutating func count(_ contact: Contact, _ change: Int) {
    let address = contact.endpoint.address
    guard !address.isLocal else { return }
    addresses[address] = change > 0 ? contact.id : nil
    let left = subnets[address.subnet, default: 0] + change
    subnets[address.subnet] = left > 0 ? left : nil
  }
}

import Addresses

// What leaves: packets that were lost, then new ones, then an acknowledgement if none of them carried it.
extension UTPConnection {
  /// Writes the packets that may leave now. False if the batch had no room for all of them.
  func fill(_ batch: inout PacketBatch, now: UInt64) -> Bool {
    guard phase != .closed else { return true }
    settle(now: now)
    guard resend(&batch, now: now), sendNew(&batch, now: now) else { return false }
    guard phase != .connecting, mustAcknowledge || unacknowledged > 1 || now >= acknowledgeAt
    else { return true }
    return sendState(&batch, now: now)
  }

  private func resend(_ batch: inout PacketBatch, now: UInt64) -> Bool {
    while firstToResend < toResend.count {
      let sequence = toResend[firstToResend]
      guard sent.contains(sequence), sent[sequence].fate == .lost else {
        firstToResend += 1
        continue
      }
      let length = Int(sent[sequence].length)
      guard flight == 0 || flight + length <= Int(ledbat.window) else {
        isWindowLimited = true
        return true
      }
      guard batch.hasRoom(length + UTPHeader.byteCount + LargestDatagram.byteCount) else { return false }
      firstToResend += 1
      transmit(sequence, &batch, now: now)
    }
    toResend.removeAll(keepingCapacity: true)
    firstToResend = 0
    return true
  }

  private func sendNew(_ batch: inout PacketBatch, now: UInt64) -> Bool {
    guard phase != .connecting, toResend.isEmpty else { return true }
    isWindowLimited = false
    while true {
      let waiting = Int(outgoingStart + UInt64(outgoing.count) - unsentStart)
      guard waiting > 0 else { break }
      guard sent.count < UTP.packetLimit else {
        isWindowLimited = true
        return true
      }
      if sent.count == 0, now - lastData > trip.timeout { ledbat.idle(packet: packetSize) }
      var length = min(waiting, packetSize)
      if unsentStart < greeting { length = min(length, greeting - Int(unsentStart)) }
      let window = min(Int(ledbat.window), remoteWindow)
      guard flight + length <= window || mayAsk || flight == 0 && length <= remoteWindow else {
        isWindowLimited = flight + length > Int(ledbat.window)
        if sent.count == 0, askAt == .max { askAt = now + trip.timeout }
        return true
      }
      if length < packetSize, phase == .open, unacknowledged == 0, lastPartial != nil { break }
      // Sizes are tried out in the middle of a stream, where a loss is noticed at once.
      var probe = 0
      if let size = mtu.probe, waiting > 4 * packetSize, flight > 0, flight + size <= window { probe = size }
      guard batch.hasRoom(max(length + UTPHeader.byteCount + LargestDatagram.byteCount, probe)) else {
        return false
      }
      mayAsk = false
      askAt = .max
      append(length, probe: probe, &batch, now: now)
    }
    return sendFIN(&batch, now: now)
  }

  private func append(_ length: Int, probe: Int, _ batch: inout PacketBatch, now: UInt64) {
    let sequence = sent.append(
      SentPacket(position: unsentStart, length: Int32(length), fate: .inFlight, probe: Int32(probe)))
    unsentStart += UInt64(length)
    if length < packetSize { lastPartial = sequence }
    if probe > 0 { mtu.probing() }
    lastData = now
    transmit(sequence, &batch, now: now)
  }

  private func sendFIN(_ batch: inout PacketBatch, now: UInt64) -> Bool {
    guard phase == .closing, !hasSentFIN, unsentStart == outgoingStart + UInt64(outgoing.count)
    else { return true }
    guard batch.hasRoom(UTPHeader.byteCount) else { return false }
    hasSentFIN = true
    let sequence = sent.append(
      SentPacket(position: unsentStart, length: 0, fate: .inFlight, isFIN: true))
    transmit(sequence, &batch, now: now)
    return true
  }

  /// Asks the peer for a connection.
  func sendSYN(now: UInt64) {
    toResend.append(sent.append(SentPacket(position: 0, length: 0, fate: .lost)))
    socket.isDirty(self)
  }

  /// Writes a packet that has its number; there is room for it.
  private func transmit(_ sequence: UInt16, _ batch: inout PacketBatch, now: UInt64) {
    let packet = sent[sequence]
    let length = Int(packet.length)
    let isProbe = packet.probe > 0 && packet.transmissions == 0
    // What leaves before the peer is known to have heard it.
    let tellsLargest =
      phase == .connecting
      || isOutgoing && outgoingStart == 0 && !isProbe && length + LargestDatagram.byteCount <= packetSize
    let padding =
      isProbe
      ? Int(packet.probe) - length - UTPHeader.byteCount : tellsLargest ? LargestDatagram.byteCount : 0
    let room = unsafe batch.add(
      UTPHeader.byteCount + padding + length, to: remote, isProbe: isProbe)
    let type: UTPPacketType = phase == .connecting ? .syn : packet.isFIN ? .fin : .data
    unsafe header(type, sequence: sequence, now: now).write(
      to: room, extension: padding > 0 ? LargestDatagram.number : 0)
    let largest = socket.configuration.largestDatagram(to: remote.address)
    if isProbe {
      unsafe Padding.write(to: room, padding, largest: largest)
    } else if tellsLargest {
      unsafe LargestDatagram.write(largest, to: room)
    }
    if length > 0, let start = room.baseAddress {
      unsafe outgoing.copy(
        length, at: Int(packet.position - outgoingStart), to: start + UTPHeader.byteCount + padding)
    }
    sent.transmitted(sequence, now: now)
    flight += length
    if timeoutAt == .max { timeoutAt = now + trip.timeout }
    lastSent = now
    // With holes the peer needs to hear which: that takes a packet of its own.
    if reorder.count == 0 { acknowledged() }
  }

  private func sendState(_ batch: inout PacketBatch, now: UInt64) -> Bool {
    let bits = reorder.count == 0 ? 0 : distance(reorder.last, from: received) - 1
    let bytes = min((bits + 31) / 32 * 4, SelectiveAcknowledgement.mostBytes)
    let count = UTPHeader.byteCount + (bytes > 0 ? bytes + 2 : 0)
    guard batch.hasRoom(count) else { return false }
    let room = unsafe batch.add(count, to: remote)
    unsafe header(.state, sequence: sent.next, now: now).write(
      to: room, extension: bytes > 0 ? SelectiveAcknowledgement.number : 0)
    if bytes > 0 { unsafe writeSelective(bytes, to: room) }
    lastSent = now
    acknowledged()
    return true
  }

  private func writeSelective(_ count: Int, to room: UnsafeMutableRawBufferPointer) {
    unsafe room[UTPHeader.byteCount] = 0
    unsafe room[UTPHeader.byteCount + 1] = UInt8(count)
    for index in 0..<count {
      var byte: UInt8 = 0
      for bit in 0..<8 {
        let sequence = received &+ UInt16(truncatingIfNeeded: index * 8 + bit + 2)
        if reorder.contains(sequence, after: received) { byte |= 1 << UInt8(bit) }
      }
      unsafe room[UTPHeader.byteCount + 2 + index] = byte
    }
  }

  private func header(_ type: UTPPacketType, sequence: UInt16, now: UInt64) -> UTPHeader {
    toldWindow = receiveWindow
    return UTPHeader(
      type: type, connectionID: type == .syn ? receiveID : sendID,
      timestamp: UInt32(truncatingIfNeeded: now), difference: difference,
      window: UInt32(clamping: toldWindow), sequence: sequence, acknowledged: received)
  }

  private func acknowledged() {
    unacknowledged = 0
    mustAcknowledge = false
    acknowledgeAt = .max
  }
}

"""The grammar of HL7 v2 messages: parse, write, frame, acknowledge. Gives a field no meaning."""

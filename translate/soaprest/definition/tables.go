package definition

// nowhere is for what REST has no member for.
func nowhere(string) bool { return false }

// ofEnvelope is for Envelope and EnvelopeInformation (SOAP-REST.md §3.1). Kinds: definition is the root with the
// envelope's own documents, information the root above composite templates, inline the Envelope of an inline template.
func ofEnvelope() map[string]rule {
	root := but("inline")
	return map[string]rule{
		"TransactionID":           {member: "transactionId", as: text, on: root, decoration: true},
		"Asynchronous":            {member: "asynchronous", as: flag, on: root},
		"AccountId":               {member: apart, as: text},
		"Documents":               {member: apart, as: content, on: but("information")},
		"Recipients":              {member: apart, as: content, on: but("information")},
		"Tabs":                    {member: apart, as: content, on: but("information")},
		"Subject":                 {member: "emailSubject", as: text},
		"EmailBlurb":              {member: "emailBlurb", as: kept},
		"SigningLocation":         {member: "signingLocation", as: lowered},
		"CustomFields":            {member: "customFields", as: customFields},
		"VaultingOptions":         {as: vaulting, on: nowhere},
		"AutoNavigation":          {member: "autoNavigation", as: flag},
		"EnvelopeIdStamping":      {member: "envelopeIdStamping", as: flag},
		"AuthoritativeCopy":       {member: "authoritativeCopy", as: authoritativeCopy},
		"Notification":            {member: "notification", as: object},
		"EnvelopeAttachment":      {member: "envelopeAttachments", as: objects},
		"EnforceSignerVisibility": {member: "enforceSignerVisibility", as: flag},
		"EnableWetSign":           {member: "enableWetSign", as: flag},
		"AllowRecipientRecursion": {member: "allowRecipientRecursion", as: flag, on: root},
		"AllowMarkup":             {member: "allowMarkup", as: flag},
		"EventNotification":       {member: "eventNotification", as: object, on: root},
		"AllowReassign":           {member: "allowReassign", as: flag},
		"BrandId":                 {member: "brandId", as: text},
		"BrandLock":               {member: "brandLock", as: flag},
		"Accessibility":           {member: "accessibility", as: text, on: root},
		"MessageLock":             {member: "messageLock", as: flag},
	}
}

// ofContents is for documents and other things that an envelope and its tabs are made of (SOAP-REST.md §3.1, §3.2,
// §3.4).
func ofContents() map[string]map[string]rule {
	return map[string]map[string]rule{
		"Document": { // kinds: whole, or part of a template
			"ID":                    {member: "documentId", as: number},
			"Name":                  {member: "name", as: text},
			"PDFBytes":              {member: apart, as: content},
			"Password":              {member: "password", as: text},
			"TransformPdfFields":    {member: "transformPdfFields", as: flag},
			"FileExtension":         {member: "fileExtension", as: text},
			"MatchBoxes":            {member: "matchBoxes", as: objects, on: only("part")},
			"AttachmentDescription": {as: content, on: nowhere},
		},
		"MatchBox": {
			"PageNumber": {member: "pageNumber", as: number},
			"XPosition":  {member: "xPosition", as: number},
			"YPosition":  {member: "yPosition", as: number},
			"Width":      {member: "width", as: number},
			"Height":     {member: "height", as: number},
		},
		"CustomField": { // kinds: text, list
			"Name":            {member: "name", as: text},
			"Show":            {member: "show", as: flag},
			"Required":        {member: "required", as: flag},
			"Value":           {member: "value", as: kept},
			"CustomFieldType": {member: apart, as: text},
			"ListItems":       {member: "listItems", as: list, on: only("list")},
		},
		"Attachment": {
			"Data":  {member: "data", as: encoded},
			"Label": {member: "label", as: text},
			"Type":  {member: "attachmentType", as: text},
		},
		"AnchorTab": {
			"AnchorTabString":    {member: "anchorString", as: text},
			"XOffset":            {member: "anchorXOffset", as: number},
			"YOffset":            {member: "anchorYOffset", as: number},
			"Unit":               {member: "anchorUnits", as: lowered},
			"IgnoreIfNotPresent": {member: "anchorIgnoreIfNotPresent", as: flag},
		},
	}
}

// ofChecks is for who a recipient is, and how that is checked (SOAP-REST.md §3.3).
func ofChecks() map[string]map[string]rule {
	level := rule{member: "displayLevelCode", as: text}
	answered := rule{member: "receiveInResponse", as: flag}
	return map[string]map[string]rule{
		"RecipientPhoneAuthentication": {
			"RecipMayProvideNumber":       {member: "recipMayProvideNumber", as: flag},
			"ValidateRecipProvidedNumber": {member: "validateRecipProvidedNumber", as: flag},
			"RecordVoicePrint":            {member: "recordVoicePrint", as: flag},
			"SenderProvidedNumbers":       {member: "senderProvidedNumbers", as: words},
		},
		"RecipientSignatureInfo": {
			"SignatureName":     {member: "signatureName", as: text},
			"SignatureInitials": {member: "signatureInitials", as: text},
			"FontStyle":         {member: "fontStyle", as: fontStyle},
		},
		"RecipientCaptiveInfo": {"ClientUserId": {member: "clientUserId", as: text}},
		"RecipientEmailNotification": {
			"Subject":    {member: "emailSubject", as: text},
			"EmailBlurb": {member: "emailBody", as: text},
			"Language":   {member: "supportedLanguage", as: text},
		},
		"IDCheckInformationInput": {
			"AddressInformationInput": {member: "addressInformationInput", as: object},
			"DOBInformationInput":     {as: content, on: nowhere}, // how REST wants the date is unknown (§3.3)
			"SSN4InformationInput":    {member: "ssn4InformationInput", as: object},
			"SSN9InformationInput":    {member: "ssn9InformationInput", as: object},
		},
		"AddressInformationInput": {
			"AddressInformation": {member: "addressInformation", as: object},
			"DisplayLevel":       level, "ReceiveInResponse": answered,
		},
		"AddressInformation": {
			"Street1":  {member: "address1", as: text},
			"Street2":  {member: "address2", as: text},
			"City":     {member: "city", as: text},
			"State":    {member: "stateOrProvince", as: text},
			"Zip":      {member: "postalCode", as: text},
			"ZipPlus4": {member: "zipPlus4", as: text},
		},
		"SSN4InformationInput": {
			"SSN4Information": {member: Merged, as: object},
			"DisplayLevel":    level, "ReceiveInResponse": answered,
		},
		"SSN4Information": {"SSN4": {member: "ssn4", as: text}},
		"SSN9InformationInput": {
			"SSN9Information": {member: Merged, as: object},
			"DisplayLevel":    level,
		},
		"SSN9Information": {"SSN9": {member: "ssn9", as: text}},
	}
}

// ofNotifications is for who is told when (SOAP-REST.md §3.5, §3.6).
func ofNotifications() map[string]map[string]rule {
	return map[string]map[string]rule{
		"Notification": {
			"UseAccountDefaults": {member: "useAccountDefaults", as: flag},
			"Reminders":          {member: "reminders", as: object},
			"Expirations":        {member: "expirations", as: object},
		},
		"Reminders": {
			"ReminderEnabled":   {member: "reminderEnabled", as: flag},
			"ReminderDelay":     {member: "reminderDelay", as: number},
			"ReminderFrequency": {member: "reminderFrequency", as: number},
		},
		"Expirations": {
			"ExpireEnabled": {member: "expireEnabled", as: flag},
			"ExpireAfter":   {member: "expireAfter", as: number},
			"ExpireWarn":    {member: "expireWarn", as: number},
		},
		"EventNotification": {
			"URL":                               {member: "url", as: text},
			"LoggingEnabled":                    {member: "loggingEnabled", as: flag},
			"RequireAcknowledgment":             {member: "requireAcknowledgment", as: flag},
			"UseSoapInterface":                  {member: "useSoapInterface", as: flag},
			"SoapNameSpace":                     {member: "soapNameSpace", as: text},
			"IncludeCertificateWithSoap":        {member: "includeCertificateWithSoap", as: flag},
			"SignMessageWithX509Cert":           {member: "signMessageWithX509Cert", as: flag},
			"IncludeDocuments":                  {member: "includeDocuments", as: flag},
			"IncludeTimeZone":                   {member: "includeTimeZone", as: flag},
			"IncludeEnvelopeVoidReason":         {member: "includeEnvelopeVoidReason", as: flag},
			"IncludeSenderAccountAsCustomField": {member: "includeSenderAccountAsCustomField", as: flag},
			"EnvelopeEvents":                    {member: "envelopeEvents", as: objects},
			"RecipientEvents":                   {member: "recipientEvents", as: objects},
		},
		"EnvelopeEvent": {
			"EnvelopeEventStatusCode": {member: "envelopeEventStatusCode", as: text},
			"IncludeDocuments":        {member: "includeDocuments", as: flag},
		},
		"RecipientEvent": {
			"RecipientEventStatusCode": {member: "recipientEventStatusCode", as: text},
			"IncludeDocuments":         {member: "includeDocuments", as: flag},
		},
	}
}

// ofRecipient is for recipients (SOAP-REST.md §3.3). Kinds are the names of REST's arrays.
func ofRecipient() map[string]rule {
	signing := only("signers", "inPersonSigners")
	edited := only("signers", "carbonCopies", "certifiedDeliveries")
	never := rule{as: flag, on: nowhere}
	return map[string]rule{
		"ID":                       {member: "recipientId", as: number},
		"UserName":                 {member: "name", as: text},
		"SignerName":               {member: "signerName", as: text, on: only("inPersonSigners"), decoration: true},
		"Email":                    {member: "email", as: text},
		"Type":                     {member: apart, as: text},
		"AccessCode":               {member: "accessCode", as: accessCode},
		"AddAccessCodeToEmail":     {member: "addAccessCodeToEmail", as: flag},
		"RequireIDLookup":          {member: "requireIdLookup", as: flag},
		"IDCheckConfigurationName": {member: "idCheckConfigurationName", as: text},
		"DeliveryMethod":           {as: text, on: nowhere, plain: "Email"},
		"FaxNumber":                {as: content, on: nowhere},

		"LiveIDRecipientAuthentication": never, "FacebookRecipientAuthentication": never,
		"LinkedinRecipientAuthentication": never, "GoogleRecipientAuthentication": never,
		"SalesforceRecipientAuthentication": never, "TwitterRecipientAuthentication": never,
		"YahooRecipientAuthentication": never, "OpenIDRecipientAuthentication": never,
		"AnySocialIDRecipientAuthentication": never,

		"PhoneAuthentication":                   {member: "phoneAuthentication", as: object},
		"SignatureInfo":                         {member: "signatureInfo", as: object, on: signing, decoration: true},
		"CaptiveInfo":                           {member: Merged, as: object},
		"CustomFields":                          {member: "customFields", as: words},
		"RoutingOrder":                          {member: "routingOrder", as: routingOrder},
		"IDCheckInformationInput":               {member: "idCheckInformationInput", as: object},
		"AutoNavigation":                        {member: "autoNavigation", as: flag, on: signing, decoration: true},
		"RecipientAttachment":                   {as: content, on: nowhere},
		"Note":                                  {member: "note", as: text},
		"RoleName":                              {member: "roleName", as: text},
		"TemplateLocked":                        {member: "templateLocked", as: flag},
		"TemplateRequired":                      {member: "templateRequired", as: flag},
		"TemplateAccessCodeRequired":            {as: flag, on: nowhere, decoration: true}, // for templates alone
		"DefaultRecipient":                      {member: "defaultRecipient", as: flag, on: signing},
		"EmailNotification":                     {member: "emailNotification", as: object},
		"AgentCanEditEmail":                     {member: "agentCanEditEmail", as: flag, on: edited},
		"AgentCanEditName":                      {member: "agentCanEditName", as: flag, on: edited},
		"SignInEachLocation":                    {member: "signInEachLocation", as: flag, on: signing},
		"ExcludedDocuments":                     {member: "excludedDocuments", as: words, on: but("editors")},
		"RequireSignerCertificate":              {member: "requireSignerCertificate", as: text, on: signing},
		"InheritEmailNotificationConfiguration": {member: "inheritEmailNotificationConfiguration", as: flag},
	}
}

// written are the kinds of custom tabs that a signer writes into, or that REST computes.
func written() []string {
	return []string{"text", "date", "number", "ssn", "zip", "email", "formula"}
}

// ofTab is for tabs (SOAP-REST.md §3.4). Kinds are the names of REST's arrays without "Tabs"; radio is a button with
// its group.
func ofTab() map[string]rule {
	with := func(kinds ...string) func(string) bool { return only(append(kinds, written()...)...) }
	validated, sized := with(), with("company", "title")
	changed, custom := with("checkbox", "radio", "list"), with("checkbox", "radio", "list", "note")
	asked := with("checkbox", "radio", "list", "company", "title")
	drawn := []string{"signHere", "initialHere", "signerAttachment"}
	lettered := but(drawn...)
	valued := but(append([]string{"envelopeId", "approve", "decline"}, drawn...)...)
	lists, named := only("list"), but("approve", "decline", "radio", "list")
	return map[string]rule{
		"DocumentID":                      {member: "documentId", as: number},
		"RecipientID":                     {member: "recipientId", as: number},
		"PageNumber":                      {member: "pageNumber", as: number},
		"XPosition":                       {member: "xPosition", as: number},
		"YPosition":                       {member: "yPosition", as: number},
		"ScaleValue":                      {member: "scaleValue", as: number, on: only(drawn...), plain: "1"},
		"AnchorTabItem":                   {member: Merged, as: anchor},
		"Type":                            {member: apart, as: text},
		"Name":                            {member: "name", as: text, on: named, decoration: true},
		"TabLabel":                        {member: "tabLabel", as: text},
		"Value":                           {member: "value", as: kept, on: valued},
		"CustomTabType":                   {member: apart, as: text, on: custom, decoration: true},
		"CustomTabWidth":                  {member: "width", as: number, on: but("radio")},
		"CustomTabHeight":                 {member: "height", as: number, on: but("radio")},
		"CustomTabRequired":               {member: "required", as: flag, on: asked, decoration: true},
		"CustomTabLocked":                 {member: "locked", as: flag, on: asked, decoration: true},
		"CustomTabDisableAutoSize":        {member: "disableAutoSize", as: flag, on: sized},
		"CustomTabListItems":              {member: apart, as: text, on: lists},
		"CustomTabListValues":             {member: apart, as: text, on: lists},
		"CustomTabListSelectedValue":      {member: apart, as: text, on: lists},
		"CustomTabRadioGroupName":         {member: "groupName", as: text, on: only("radio")},
		"CustomTabValidationPattern":      {member: "validationPattern", as: text, on: validated},
		"CustomTabValidationMessage":      {member: "validationMessage", as: text, on: validated},
		"TemplateLocked":                  {member: "templateLocked", as: flag},
		"TemplateRequired":                {member: "templateRequired", as: flag},
		"ConditionalParentLabel":          {member: "conditionalParentLabel", as: text},
		"ConditionalParentValue":          {member: "conditionalParentValue", as: kept},
		"SharedTab":                       {member: "shared", as: flag, on: custom},
		"RequireInitialOnSharedTabChange": {member: "requireInitialOnSharedChange", as: flag, on: changed},
		"ConcealValueOnDocument":          {member: "concealValueOnDocument", as: flag, on: sized},
		"Font":                            {member: "font", as: text, on: lettered, decoration: true},
		"Bold":                            {member: "bold", as: flag, on: lettered, decoration: true},
		"Italic":                          {member: "italic", as: flag, on: lettered, decoration: true},
		"Underline":                       {member: "underline", as: flag, on: lettered, decoration: true},
		"FontColor":                       {member: "fontColor", as: text, on: lettered, decoration: true},
		"FontSize":                        {member: "fontSize", as: text, on: lettered, decoration: true},
		"MergeFieldXml":                   {member: "mergeFieldXml", as: text, on: but("radio")},
		"IncludeNoteInEmail":              {as: flag, on: nowhere},
		"IsPaymentAmount":                 {as: flag, on: nowhere},
		"Formula":                         {member: "formula", as: text, on: only("text", "number", "formula")},
		"RoundDecimalPlaces":              {member: "roundDecimalPlaces", as: number, on: only("formula")},
		"MaxLength":                       {member: "maxLength", as: number, on: sized},
	}
}

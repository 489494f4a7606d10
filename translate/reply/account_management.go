package reply

// memberResult returns what stands before Success, and between it and Error, in the result of an AccountManagement operation that
// failed: the elements that its schema requires, with the values an empty .NET object has, because strict readers miss them otherwise.
// ok is false for operations whose result has no Success and Error. Source: the service's WSDL.
func memberResult(operation string) (before, between string, ok bool) {
	switch operation {
	case "ActivateSalesforceInstance", "AddEnvelopeCurrency", "AddMembersToAccount", "AuthenticateMember", "AuthenticateMemberEx",
		"ChangeAccountPricePlan", "ChangePassword", "CheckAccountMember", "CloseSignature", "GetAccountCustomFields",
		"GetAccountDistributorCode", "GetAccountInformation", "GetAccountSettings", "GetConnectCredentials", "GetEncryptedPassword",
		"GetMemberSettings", "GetMembershipSummary", "GetPlanGroupInformation", "GetPlanPricingInformation", "GetPlanType",
		"GetProvisioningInformation", "GetSignatures", "GetSuccessorPlanInformation", "GetUserProfile", "GetUserProfileImage",
		"InitializeClientAccount", "NewAccount", "NewSocialAccount", "ResendAccountActivation", "SetConnectCredentials",
		"SetSignatureImages", "SetUserProfile", "SetUserProfileImage", "UpdateAccountSettings", "UpdateMemberSettings",
		"UpgradeRecipientAccount":
		return "", "", true
	case "CloseMembers":
		return "", "<DateStamp>0001-01-01T00:00:00</DateStamp>", true
	case "GetDistributorSeatAllotment":
		return "<SeatAllotment>0</SeatAllotment>", "", true
	case "GetPlanDetails", "IncrementAccountSeats":
		return "<IncludedSeats>0</IncludedSeats>", "", true
	case "VerifySeatEligibility":
		return "<Eligible>false</Eligible><SeatAllotment>0</SeatAllotment>", "", true
	}
	return "", "", false
}
